// Telling the agent something: sending, interrupting, and what of it has not
// been heard yet.

import type { Client } from "$/api/client";
import type { Task, TaskId } from "$/api/generated/proto";
import { Doing } from "$/state/doing.svelte";
import { Draft } from "$/state/draft.svelte";
import { Said } from "./said.svelte";

export class Composing extends Doing<"send" | "interrupt"> {
  readonly draft: Draft;
  readonly said: Said;

  constructor(
    readonly client: Client,
    readonly task: TaskId,
  ) {
    super();
    this.draft = new Draft(`say/${task}`);
    this.said = new Said(task);
  }

  /**
   * Says what is typed; `last` is how far the run's conversation was. It is
   * queued before the turn is interrupted, so that a hub that vanishes between
   * the two loses neither.
   */
  async send(task: Task, last: number, interrupt: boolean): Promise<boolean> {
    const text = this.draft.text;
    if (text.trim() === "") return false;
    return this.run("send", async () => {
      await this.client.call("task_say", { task: this.task, text });
      this.said.add({ text, at: Date.now(), run: task.run, after: last });
      this.draft.clear();
      if (interrupt) await this.client.call("task_interrupt", { task: this.task });
    });
  }

  interrupt(): Promise<boolean> {
    return this.run("interrupt", () => this.client.call("task_interrupt", { task: this.task }));
  }

  /** An earlier message, to be changed and said again. What was typed stays below it. */
  again(prompt: string): void {
    const typed = this.draft.text.trim();
    this.draft.text = typed === "" || typed === prompt.trim() ? prompt : `${prompt}\n\n${typed}`;
  }
}
