// Something that is read from the hub when it is looked at, and again when
// asked to.

import { asProblem } from "$/api/errors";
import type { Problem } from "$/api/generated/proto";

export class Reading<T> {
  /** The newest that was read; null before the first time. */
  value = $state.raw<T | null>(null);
  problem = $state.raw<Problem | null>(null);
  #last = 0;

  constructor(readonly ask: () => Promise<T>) {}

  /** Of two that overlap, the one asked for later counts. */
  async read(): Promise<void> {
    const mine = ++this.#last;
    try {
      const value = await this.ask();
      if (mine !== this.#last) return;
      this.value = value;
      this.problem = null;
    } catch (thrown) {
      if (mine === this.#last) this.problem = asProblem(thrown);
    }
  }
}
