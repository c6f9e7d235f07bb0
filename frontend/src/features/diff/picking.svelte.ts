// Which lines of a file are chosen: by a click, by dragging or with Shift in
// the column of numbers, or by keys. A range is of one side.

import type { Row } from "./rows";

export interface Pick {
  old: boolean;
  first: number;
  last: number;
  /** Rows of the line it began at, and of the one it was last drawn to. */
  row: number;
  end: number;
}

export class Picking {
  pick = $state.raw<Pick | null>(null);
  dragging = $state(false);
  /** A row to be chosen when it has been read. */
  waiting = $state<number | null>(null);
  #anchor = 0;
  #moved = false;

  constructor(readonly oncomment: (pick: Pick) => void) {}

  set(row: number, old: boolean, line: number): void {
    this.waiting = null;
    this.#anchor = line;
    this.pick = { old, first: line, last: line, row, end: row };
  }

  /** Draws the range to another line of the same side; false if the row has none. */
  extendTo(row: number, data: Row | undefined): boolean {
    const { pick } = this;
    const line = pick && data ? lineOf(data, pick.old) : null;
    if (!pick || line === null) return false;
    const [first, last] = [Math.min(this.#anchor, line), Math.max(this.#anchor, line)];
    this.pick = { ...pick, first, last, end: row };
    return true;
  }

  /** The plus of a line: of the range, if it is in it. */
  plus(row: number, old: boolean, line: number): void {
    const { pick } = this;
    if (!pick || pick.old !== old || line < pick.first || line > pick.last) this.set(row, old, line);
    if (this.pick) this.oncomment(this.pick);
  }

  /** The pointer went down on, or over, something. */
  pointed(event: PointerEvent, row: (number: number) => Row | undefined): void {
    const under =
      event.type === "pointermove" ? document.elementFromPoint(event.clientX, event.clientY) : event.target;
    const gutter = under instanceof Element ? under.closest<HTMLElement>("[data-line]") : null;
    if (!gutter || event.button > 0) return;
    const number = Number(gutter.dataset["row"]);
    if (event.type === "pointermove" || (event.shiftKey && this.pick)) {
      this.#moved = this.extendTo(number, row(number)) && this.pick?.first !== this.pick?.last;
      if (event.type !== "pointermove") event.preventDefault();
      this.dragging = true;
      return;
    }
    this.set(number, gutter.dataset["side"] === "old", Number(gutter.dataset["line"]));
    this.#moved = false;
    this.dragging = event.pointerType !== "touch";
    if (this.dragging) event.preventDefault();
  }

  released(): void {
    if (!this.dragging) return;
    this.dragging = false;
    if (this.#moved && this.pick) this.oncomment(this.pick);
    this.#moved = false;
  }
}

export function lineOf(row: Row, old: boolean): number | null {
  if (row.row === "same") return old ? row.old : row.new;
  return (old ? row.old : row.new)?.line ?? null;
}

export function isPicked(pick: Pick | null, old: boolean, line: number): boolean {
  return pick !== null && pick.old === old && line >= pick.first && line <= pick.last;
}
