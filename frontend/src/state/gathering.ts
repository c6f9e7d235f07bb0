// What comes in many small batches, taken once a frame; now and then while
// nobody looks.

/** Milliseconds between two takings while the page is hidden. */
const HIDDEN = 1000;

export class Gathering<Item> {
  #waiting: Item[] = [];
  #scheduled = false;
  #stopped = false;

  constructor(readonly take: (items: readonly Item[]) => void) {}

  push(items: readonly Item[]): void {
    this.#waiting.push(...items);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const take = () => {
      this.#scheduled = false;
      const items = this.#waiting;
      this.#waiting = [];
      if (!this.#stopped) this.take(items);
    };
    if (document.hidden) setTimeout(take, HIDDEN);
    else requestAnimationFrame(take);
  }

  stop(): void {
    this.#stopped = true;
  }
}
