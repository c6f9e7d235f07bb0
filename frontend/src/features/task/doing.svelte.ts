// Carries out what a person chose to do to a task. One at a time; the task
// itself changes only when the hub says so.

import type { Client } from "$/api/client";
import type { Reassign, RetryFrom, Task, TaskId } from "$/api/generated/proto";
import { Doing as Asked } from "$/state/doing.svelte";
import { toasts } from "$/ui/toasts.svelte";
import type { ActionName } from "./actions";

export class Doing {
  /** Of a stop: the tasks below it go on. */
  keepChildren = $state(false);
  #asked = new Asked<ActionName>();

  constructor(
    readonly client: Client,
    readonly task: TaskId,
  ) {}

  get busy(): ActionName | null {
    return this.#asked.busy;
  }

  /** True once the hub has taken it. */
  async run(name: Exclude<ActionName, "pull_request" | "reassign" | "retry">): Promise<boolean> {
    const { client, task } = this;
    return this.#one(name, () => {
      switch (name) {
        case "publish":
          return client.call("task_publish", { task });
        case "keep":
          return client.call("task_keep", { task });
        case "done":
          return client.call("task_done", { task });
        case "resume":
          return client.call("task_resume", { task });
        case "again":
          return client.call("task_again", { task });
        case "interrupt":
          return client.call("task_interrupt", { task });
        case "dismiss":
          return client.call("task_dismiss", { task });
        case "stop":
          return client.call("task_stop", { task, keep_children: this.keepChildren });
        case "kill":
          return client.call("task_kill", { task });
      }
    });
  }

  async retry(from: Omit<RetryFrom, "task">): Promise<boolean> {
    return this.#one("retry", () => this.client.call("task_retry", { task: this.task, ...from }));
  }

  async reassign(to: Omit<Reassign, "task">): Promise<boolean> {
    return this.#one("reassign", () => this.client.call("task_reassign", { task: this.task, ...to }));
  }

  async #one(name: ActionName, act: () => Promise<Task>): Promise<boolean> {
    if (this.busy) return false;
    const done = await this.#asked.run(name, act);
    const { problem } = this.#asked;
    if (problem) {
      toasts.say({
        tone: "fail",
        text: problem.hint ? `${problem.message} ${problem.hint}` : problem.message,
      });
    }
    return done;
  }
}
