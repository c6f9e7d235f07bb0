// The task a person has open: what the hub tells of it live, and what only
// `task_show` has (its whole prompt, its runs). Shared by the views of a task.

import { asProblem } from "$/api/errors";
import type { Problem, Run, RunId, Task, TaskDetail, TaskId, Todo } from "$/api/generated/proto";
import { route } from "./route.svelte";
import type { Session } from "./session.svelte";

export class OpenTask {
  detail = $state.raw<TaskDetail | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** When `detail` was read, in milliseconds. */
  readAt = $state(0);
  /** The agent's to-do list, as the conversation has it. */
  todos = $state.raw<Todo[]>([]);
  #reading = false;
  #again = false;

  constructor(
    readonly session: Session,
    readonly id: TaskId,
  ) {}

  /** As it is now. Its prompt may be cut; `detail` has the whole. */
  get task(): Task | null {
    return this.session.everything.byId(this.id) ?? this.detail;
  }

  get runs(): Run[] {
    return this.detail?.runs ?? [];
  }

  /** The run that is looked at: the one of the URL, or the latest. */
  get run(): RunId | null {
    return route.place.query.get("run") ?? this.task?.run ?? null;
  }

  /** Changes whenever `task_show` would tell something new. */
  get stamp(): string {
    const task = this.task;
    if (!task) return `${this.session.standing.state}`;
    return [this.session.standing.state, task.state, task.run, task.since, task.attempts, task.pushed].join(
      " ",
    );
  }

  async read(): Promise<void> {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    try {
      this.detail = await this.session.client.call("task_show", { task: this.id });
      this.problem = null;
      this.readAt = Date.now();
    } catch (thrown) {
      this.problem = asProblem(thrown);
    } finally {
      this.#reading = false;
    }
    if (!this.#again) return;
    this.#again = false;
    await this.read();
  }
}

let open: OpenTask | null = null;

/** The one `OpenTask` of a task, as long as no other is opened. */
export function openTask(session: Session, id: TaskId): OpenTask {
  if (open?.id !== id || open.session !== session) open = new OpenTask(session, id);
  return open;
}
