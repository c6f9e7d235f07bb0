// Telling the agent something: sending, interrupting, taking back.

import type { Client } from "$/api/client";
import type { Said, TaskId } from "$/api/generated/proto";
import { Doing } from "$/state/doing.svelte";
import { Draft } from "$/state/draft.svelte";

/** When the agent is to hear it. */
export type When = "after_turn" | "now" | "interrupting";

export class Composing extends Doing<"send" | "interrupt" | "unsay"> {
  readonly draft: Draft;

  constructor(
    readonly client: Client,
    readonly task: TaskId,
  ) {
    super();
    this.draft = new Draft(`say/${task}`);
  }

  /**
   * Says what is typed. It is queued before the turn is interrupted, so that a
   * hub that vanishes between the two loses neither.
   */
  async send(when: When): Promise<boolean> {
    const text = this.draft.text;
    if (text.trim() === "") return false;
    return this.run("send", async () => {
      await this.client.call("task_say", { task: this.task, text, ...(when === "now" && { now: true }) });
      this.draft.clear();
      if (when === "interrupting") await this.client.call("task_interrupt", { task: this.task });
    });
  }

  interrupt(): Promise<boolean> {
    return this.run("interrupt", () => this.client.call("task_interrupt", { task: this.task }));
  }

  /** Takes back what waits; to be changed, it is put where it can be typed at. */
  async takeBack(said: Said, change: boolean): Promise<boolean> {
    const back = await this.run("unsay", () =>
      this.client.call("task_unsay", { task: this.task, word: said.word }),
    );
    if (back && change) this.again(said.text);
    return back;
  }

  /** An earlier message, to be changed and said again. What was typed stays below it. */
  again(prompt: string): void {
    const typed = this.draft.text.trim();
    this.draft.text = typed === "" || typed === prompt.trim() ? prompt : `${prompt}\n\n${typed}`;
  }
}
