// Rows of one file's alignment that were read, by number. What is in view is
// asked for, a few screens at a time; very many rows are not kept.

import type { DiffRow, FileDiff } from "$/api/generated/proto";

export type Row = Exclude<DiffRow, { row: "folded" }>;

/** A few screens, and a second of scrolling. */
export const PAGE_ROWS = 400;
const KEPT = 30_000;
const AT_ONCE = 2;

/** `context` null: nothing folded. */
export type ReadRows = (first: number, rows: number, context: number | null) => Promise<FileDiff>;

export class RowStore {
  #rows = new Map<number, Row>();
  #underWay = new Set<number>();
  #wanted: number[] = [];
  #generation = 0;
  #failedUntil = 0;

  constructor(
    readonly read: ReadRows,
    readonly arrived: (numbers: number[]) => void,
    readonly failed: (thrown: unknown) => void,
    readonly now: () => number = Date.now,
  ) {}

  row(number: number): Row | undefined {
    return this.#rows.get(number);
  }

  get held(): number {
    return this.#rows.size;
  }

  entries(): IterableIterator<[number, Row]> {
    return this.#rows.entries();
  }

  /** Takes in an answer. */
  take(diff: FileDiff): number[] {
    const numbers: number[] = [];
    let at = diff.first_row;
    for (const row of diff.rows) {
      if (row.row === "folded") at = row.first_row + row.rows;
      else {
        this.#rows.set(at, row);
        numbers.push(at);
        at += 1;
      }
    }
    this.#drop(numbers[0] ?? 0);
    return numbers;
  }

  /** These rows are in view, in order; forgets what was wanted before. */
  want(numbers: readonly number[], context: number | null, folded: (row: number) => boolean): void {
    this.#wanted = [];
    let until = -1;
    for (const number of numbers) {
      if (number < until || this.#rows.has(number)) continue;
      this.#wanted.push(number);
      until = number + PAGE_ROWS;
    }
    this.#next(context, folded);
  }

  clear(): void {
    this.#generation += 1;
    this.#rows.clear();
    this.#underWay.clear();
    this.#wanted = [];
  }

  #next(context: number | null, folded: (row: number) => boolean): void {
    if (this.now() < this.#failedUntil) return;
    while (this.#underWay.size < AT_ONCE) {
      const first = this.#wanted.shift();
      if (first === undefined) return;
      const near = [...this.#underWay].some((other) => first >= other && first < other + PAGE_ROWS);
      if (!near) void this.#fetch(first, context, folded);
    }
  }

  async #fetch(first: number, context: number | null, folded: (row: number) => boolean): Promise<void> {
    const generation = this.#generation;
    this.#underWay.add(first);
    try {
      // A row that the hub would fold was opened by hand.
      const diff = await this.read(first, PAGE_ROWS, folded(first) ? null : context);
      if (generation !== this.#generation) return;
      this.#underWay.delete(first);
      this.arrived(this.take(diff));
    } catch (thrown) {
      if (generation !== this.#generation) return;
      this.#underWay.delete(first);
      this.#failedUntil = this.now() + 2000;
      this.failed(thrown);
    }
    this.#next(context, folded);
  }

  /** Lets go of what is farthest from what came last. */
  #drop(near: number): void {
    if (this.#rows.size <= KEPT) return;
    const far = [...this.#rows.keys()].sort((a, b) => Math.abs(b - near) - Math.abs(a - near));
    for (const number of far.slice(0, this.#rows.size - KEPT + PAGE_ROWS * 5)) this.#rows.delete(number);
  }
}
