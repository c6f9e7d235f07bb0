// Which rows of a file's alignment are shown, and in which order: pure. What
// is far from every change is folded by the same rule as the hub's, so that
// the place of every row is known before it has been read.

export interface Rows {
  kind: "rows";
  first: number;
  count: number;
}

export interface Fold {
  kind: "fold";
  first: number;
  count: number;
}

/** Rows that differ, shown together: all old lines, then all new ones. */
export interface Block {
  kind: "block";
  first: number;
  count: number;
}

export type Item = { kind: "row"; row: number } | Fold | Block;
type Segment = Rows | Fold | Block;

/** Rows of one block: more would be too much for one item of a list. */
export const BLOCK = 32;
/** The hub lists no more changes than this. */
const LISTED = 20_000;

export interface Shape {
  total: number;
  changes: readonly (readonly [number, number])[];
  /** Null: nothing is folded. */
  context: number | null;
  /** Ranges of rows that were unfolded by hand. */
  opened: readonly (readonly [number, number])[];
  /** Old lines above new ones, instead of next to them. */
  unified: boolean;
}

export class Layout {
  readonly #segments: Segment[] = [];
  /** Index of each segment's first item. */
  readonly #starts: number[] = [];
  readonly count: number;

  constructor(readonly shape: Shape) {
    let at = 0;
    const { changes, total } = shape;
    for (const [index, [from, to]] of changes.entries()) {
      this.#same(at, from, index === 0, false);
      this.#differs(from, to);
      at = to;
    }
    if (changes.length >= LISTED) this.#push({ kind: "rows", first: at, count: total - at });
    else this.#same(at, total, changes.length === 0, true);
    let count = 0;
    for (const segment of this.#segments) {
      this.#starts.push(count);
      count += items(segment);
    }
    this.count = count;
  }

  item(index: number): Item | undefined {
    const at = this.#last(this.#starts, index);
    const segment = this.#segments[at];
    if (!segment || index < 0 || index >= this.count) return undefined;
    const within = index - (this.#starts[at] ?? 0);
    if (segment.kind === "fold") return segment;
    if (segment.kind === "rows") return { kind: "row", row: segment.first + within };
    const first = segment.first + within * BLOCK;
    return { kind: "block", first, count: Math.min(BLOCK, segment.first + segment.count - first) };
  }

  /** The item that shows a row, or the fold that hides it. */
  indexOf(row: number): number {
    const firsts = this.#segments.map((segment) => segment.first);
    const at = this.#last(firsts, row);
    const segment = this.#segments[at];
    if (!segment) return 0;
    const start = this.#starts[at] ?? 0;
    const within = Math.min(Math.max(0, row - segment.first), segment.count - 1);
    if (segment.kind === "fold") return start;
    return start + (segment.kind === "rows" ? within : Math.floor(within / BLOCK));
  }

  /** Guesses for blocks, before they are measured. */
  *estimates(lineHeight: number): Generator<[index: number, height: number]> {
    if (!this.shape.unified) return;
    for (const [at, segment] of this.#segments.entries()) {
      if (segment.kind !== "block") continue;
      for (let within = 0; within < items(segment); within += 1) {
        const rows = Math.min(BLOCK, segment.count - within * BLOCK);
        yield [(this.#starts[at] ?? 0) + within, rows * 1.5 * lineHeight];
      }
    }
  }

  /** The range of a fold to open: some rows at an end of it, or all. */
  static opening(fold: Fold, part: "top" | "bottom" | "all", rows = 20): [number, number] {
    const end = fold.first + fold.count;
    if (part === "top") return [fold.first, Math.min(end, fold.first + rows)];
    if (part === "bottom") return [Math.max(fold.first, end - rows), end];
    return [fold.first, end];
  }

  #differs(from: number, to: number): void {
    if (to <= from) return;
    this.#push({ kind: this.shape.unified ? "block" : "rows", first: from, count: to - from });
  }

  /** Rows that are the same, folded where they are far from a change. */
  #same(from: number, to: number, first: boolean, last: boolean): void {
    const { context } = this.shape;
    if (context === null) return this.#push({ kind: "rows", first: from, count: to - from });
    const above = first ? from : from + context;
    const below = last ? to : to - context;
    // To fold one row would save nothing.
    if (below - above < 2) return this.#push({ kind: "rows", first: from, count: to - from });
    this.#push({ kind: "rows", first: from, count: above - from });
    this.#folded(above, below);
    this.#push({ kind: "rows", first: below, count: to - below });
  }

  #folded(from: number, to: number): void {
    let at = from;
    const opened = this.shape.opened
      .filter(([first, end]) => first < to && end > from)
      .sort(([one], [other]) => one - other);
    for (const [first, end] of opened) {
      const [begin, stop] = [Math.max(at, first), Math.min(to, end)];
      if (stop <= begin) continue;
      this.#push({ kind: "fold", first: at, count: begin - at });
      this.#push({ kind: "rows", first: begin, count: stop - begin });
      at = stop;
    }
    this.#push({ kind: "fold", first: at, count: to - at });
  }

  #push(segment: Segment): void {
    if (segment.count <= 0) return;
    const last = this.#segments.at(-1);
    if (last?.kind === "rows" && segment.kind === "rows") last.count += segment.count;
    else this.#segments.push({ ...segment });
  }

  /** The last place whose number is not above another. */
  #last(numbers: readonly number[], number: number): number {
    let [low, high] = [0, numbers.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((numbers[middle] ?? 0) <= number) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function items(segment: Segment): number {
  if (segment.kind === "fold") return 1;
  return segment.kind === "rows" ? segment.count : Math.ceil(segment.count / BLOCK);
}

/** The change after a row, or before it; going round at the ends is nothing. */
export function changeFrom(changes: Shape["changes"], row: number, direction: 1 | -1): number | null {
  const found =
    direction === 1 ? changes.find(([from]) => from > row) : changes.findLast(([from]) => from < row);
  return found ? found[0] : null;
}
