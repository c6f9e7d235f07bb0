// Something a person asked the hub for: under way, or refused and why. What
// they typed for it stays with them until it has worked.

import { asProblem, passes } from "$/api/errors";
import type { Problem } from "$/api/generated/proto";

export class Doing<Name extends string = string> {
  /** What is under way, by the name it was begun with. */
  busy = $state<Name | null>(null);
  problem = $state.raw<Problem | null>(null);

  /** The hub or the way to it is lost: what was said stays and can be sent again. */
  get lost(): boolean {
    return this.problem !== null && passes(this.problem);
  }

  /** True once it has worked. One thing at a time. */
  async run(name: Name, act: () => Promise<unknown>): Promise<boolean> {
    if (this.busy !== null) return false;
    this.busy = name;
    this.problem = null;
    try {
      await act();
      return true;
    } catch (thrown) {
      this.problem = asProblem(thrown);
      return false;
    } finally {
      this.busy = null;
    }
  }
}
