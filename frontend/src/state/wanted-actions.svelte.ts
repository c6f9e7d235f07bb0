// Named actions that wait for a terminal of their task to type them. In memory
// only: no link and no reload can make one happen.

import type { ProjectAction, TaskId } from "$/api/generated/proto";

class WantedActions {
  #waiting = $state.raw<{ task: TaskId; run: string } | null>(null);

  want(task: TaskId, action: ProjectAction): void {
    this.#waiting = { task, run: action.run };
  }

  /** Whether one waits for this task. */
  waits(task: TaskId): boolean {
    return this.#waiting?.task === task;
  }

  /** The line to type, once. */
  take(task: TaskId): string | null {
    const waiting = this.#waiting;
    if (waiting?.task !== task) return null;
    this.#waiting = null;
    return waiting.run;
  }
}

export const wantedActions = new WantedActions();
