// Heights of very many rows, most of which nobody has ever seen: every row has
// the usual height but for those that were measured. Rows are kept in blocks;
// a block that holds no unusual row costs eight bytes, so ten million lines
// are cheap. Positions are found in O(log n).

const BLOCK = 1024;

export class Heights {
  #count = 0;
  #usual: number;
  /** Differences from the usual height, of blocks that have any. */
  #blocks = new Map<number, Float32Array>();
  /** Fenwick tree over the blocks' sums of differences. */
  #tree = new Float64Array(1);

  constructor(count: number, usual: number) {
    this.#usual = usual;
    this.resize(count);
  }

  get count(): number {
    return this.#count;
  }

  get usual(): number {
    return this.#usual;
  }

  get total(): number {
    return this.offset(this.#count);
  }

  /** More rows at the end, or fewer. */
  resize(count: number): void {
    for (let row = count; row < this.#count; row += 1) {
      const block = this.#blocks.get(Math.floor(row / BLOCK));
      if (block) this.set(row, this.#usual);
      else row = (Math.floor(row / BLOCK) + 1) * BLOCK - 1;
    }
    this.#count = count;
    const blocks = Math.ceil(count / BLOCK);
    if (blocks < this.#tree.length) return;
    this.#tree = new Float64Array(Math.max(blocks + 1, this.#tree.length * 2));
    for (const [number, block] of this.#blocks) this.#add(number, sum(block));
  }

  /** Forgets every measure, for instance because rows are wrapped otherwise. */
  reset(usual: number): void {
    this.#usual = usual;
    this.#blocks.clear();
    this.#tree.fill(0);
  }

  /** Says whether anything moved. */
  set(row: number, height: number): boolean {
    const number = Math.floor(row / BLOCK);
    let block = this.#blocks.get(number);
    const more = Math.fround(height - this.#usual);
    const before = block?.[row % BLOCK] ?? 0;
    if (Math.abs(more - before) < 0.05) return false;
    if (!block) {
      block = new Float32Array(BLOCK);
      this.#blocks.set(number, block);
    }
    block[row % BLOCK] = more;
    this.#add(number, more - before);
    return true;
  }

  height(row: number): number {
    return this.#usual + (this.#blocks.get(Math.floor(row / BLOCK))?.[row % BLOCK] ?? 0);
  }

  /** Where a row begins. */
  offset(row: number): number {
    const number = Math.floor(row / BLOCK);
    let more = 0;
    for (let at = number; at > 0; at -= at & -at) more += this.#tree[at] ?? 0;
    const block = this.#blocks.get(number);
    if (block) for (let within = 0; within < row % BLOCK; within += 1) more += block[within] ?? 0;
    return row * this.#usual + more;
  }

  /** The row at a position, within the rows there are. */
  at(position: number): number {
    if (this.#count === 0 || position <= 0) return 0;
    let [low, high] = [0, this.#count - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.offset(middle) <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #add(block: number, more: number): void {
    for (let at = block + 1; at < this.#tree.length; at += at & -at) {
      this.#tree[at] = (this.#tree[at] ?? 0) + more;
    }
  }
}

function sum(block: Float32Array): number {
  return block.reduce((total, more) => total + more, 0);
}
