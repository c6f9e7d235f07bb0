// Telling the agent something: sending, interrupting, and what of it has not
// been heard yet.

import type { Client } from "$/api/client";
import { asProblem, passes } from "$/api/errors";
import type { Problem, Task, TaskId } from "$/api/generated/proto";
import { Draft } from "$/state/draft.svelte";
import { Said } from "./said.svelte";

export class Composing {
  readonly draft: Draft;
  readonly said: Said;
  busy = $state(false);
  problem = $state.raw<Problem | null>(null);

  constructor(
    readonly client: Client,
    readonly task: TaskId,
  ) {
    this.draft = new Draft(`say/${task}`);
    this.said = new Said(task);
  }

  /** The hub or the way to it is lost. */
  get lost(): boolean {
    return this.problem !== null && passes(this.problem);
  }

  /**
   * Says what is typed; `last` is how far the run's conversation was. It is
   * queued before the turn is interrupted, so that a hub that vanishes between
   * the two loses neither.
   */
  async send(task: Task, last: number, interrupt: boolean): Promise<boolean> {
    const text = this.draft.text;
    if (this.busy || text.trim() === "") return false;
    return this.#carefully(async () => {
      await this.client.call("task_say", { task: this.task, text });
      this.said.add({ text, at: Date.now(), run: task.run, after: last });
      this.draft.clear();
      if (interrupt) await this.client.call("task_interrupt", { task: this.task });
    });
  }

  async interrupt(): Promise<boolean> {
    if (this.busy) return false;
    return this.#carefully(async () => {
      await this.client.call("task_interrupt", { task: this.task });
    });
  }

  /** An earlier message, to be changed and said again. What was typed stays below it. */
  again(prompt: string): void {
    const typed = this.draft.text.trim();
    this.draft.text = typed === "" || typed === prompt.trim() ? prompt : `${prompt}\n\n${typed}`;
  }

  async #carefully(act: () => Promise<void>): Promise<boolean> {
    this.busy = true;
    this.problem = null;
    try {
      await act();
      return true;
    } catch (thrown) {
      this.problem = asProblem(thrown);
      return false;
    } finally {
      this.busy = false;
    }
  }
}
