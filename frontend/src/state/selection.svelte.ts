// Which tasks are chosen. Ids only: a task may change, move or go meanwhile.

export class Selection {
  #chosen = $state.raw<ReadonlySet<string>>(new Set());
  /** Where a range begins. */
  #anchor: string | null = null;

  get size(): number {
    return this.#chosen.size;
  }

  get ids(): ReadonlySet<string> {
    return this.#chosen;
  }

  has(id: string): boolean {
    return this.#chosen.has(id);
  }

  toggle(id: string): void {
    const chosen = new Set(this.#chosen);
    if (!chosen.delete(id)) chosen.add(id);
    this.#chosen = chosen;
    this.#anchor = id;
  }

  /** Chooses everything from where the last choice was to `id`, in the order shown. */
  extend(id: string, order: readonly string[]): void {
    const from = this.#anchor === null ? -1 : order.indexOf(this.#anchor);
    const to = order.indexOf(id);
    if (from < 0 || to < 0) {
      this.toggle(id);
      return;
    }
    const range = order.slice(Math.min(from, to), Math.max(from, to) + 1);
    this.#chosen = new Set([...this.#chosen, ...range]);
  }

  all(order: readonly string[]): void {
    this.#chosen = new Set(order);
  }

  clear(): void {
    if (this.#chosen.size > 0) this.#chosen = new Set();
    this.#anchor = null;
  }

  /** Forgets what is no longer shown: nobody acts on what they cannot see. */
  keepOnly(shown: ReadonlySet<string>): void {
    const kept = [...this.#chosen].filter((id) => shown.has(id));
    if (kept.length !== this.#chosen.size) this.#chosen = new Set(kept);
  }
}
