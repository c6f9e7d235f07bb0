// Where the rows of a virtual list begin.

export class Offsets<T> {
  readonly total: number;
  readonly count: number;
  readonly #height: number;
  /** Only where rows differ. */
  readonly #tops: Float64Array | null = null;

  constructor(items: readonly T[], height: number | ((item: T, index: number) => number)) {
    this.count = items.length;
    if (typeof height === "number") {
      this.#height = height;
      this.total = height * items.length;
      return;
    }
    this.#height = 0;
    this.#tops = new Float64Array(items.length + 1);
    items.forEach((item, index) => {
      if (this.#tops) this.#tops[index + 1] = (this.#tops[index] ?? 0) + height(item, index);
    });
    this.total = this.#tops[items.length] ?? 0;
  }

  /** Top of a row; of one after the last, the end. */
  top(index: number): number {
    return this.#tops ? (this.#tops[index] ?? this.total) : index * this.#height;
  }

  /** The row at a height; the last one below the end. */
  at(y: number): number {
    if (this.count === 0) return 0;
    if (!this.#tops) return Math.min(this.count - 1, Math.max(0, Math.floor(y / this.#height)));
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#tops[middle] ?? 0) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
