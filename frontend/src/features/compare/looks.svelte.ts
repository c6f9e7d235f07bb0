// What is read of each candidate beside its task: its files and its runs. Read
// again when its change has changed.

import { asProblem } from "$/api/errors";
import type { Client } from "$/api/client";
import type { Problem, Run, Snapshot, Task, TestRun } from "$/api/generated/proto";

export interface Look {
  snapshot: Snapshot | null;
  runs: Run[];
  /** The tests that its latest run ran, as far as they are known. */
  tests: TestRun[];
  problem: Problem | null;
}

const PAUSE_MS = 700;

export class Looks {
  looks = $state.raw<Record<string, Look>>({});
  #seen = new Map<string, string>();
  #timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(readonly client: Client) {}

  /** The candidates as they are now. */
  follow(tasks: readonly Task[]): void {
    for (const task of tasks) {
      const { files, added, removed } = task.diff;
      const mark = [task.state, task.run, files, added, removed].join();
      const before = this.#seen.get(task.id);
      if (before === mark) continue;
      this.#seen.set(task.id, mark);
      clearTimeout(this.#timers.get(task.id));
      // An agent at work changes a file a second; the first look is at once.
      const wait = before === undefined ? 0 : PAUSE_MS;
      this.#timers.set(
        task.id,
        setTimeout(() => void this.#read(task.id), wait),
      );
    }
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  async #read(task: string): Promise<void> {
    try {
      const [snapshot, detail] = await Promise.all([
        this.client.call("task_diff", { task }),
        this.client.call("task_show", { task }),
      ]);
      const tests = await this.#tests(detail.group, task);
      this.looks = { ...this.looks, [task]: { snapshot, runs: detail.runs, tests, problem: null } };
    } catch (thrown) {
      const before = this.looks[task] ?? { snapshot: null, runs: [], tests: [] };
      this.looks = { ...this.looks, [task]: { ...before, problem: asProblem(thrown) } };
    }
  }

  /** What stands beside the rest, which can be looked at without it. */
  async #tests(group: string | null, task: string): Promise<TestRun[]> {
    if (group === null) return [];
    try {
      const { tasks } = await this.client.call("group_compare", { group });
      return tasks.find((one) => one.task.id === task)?.tests ?? [];
    } catch {
      return this.looks[task]?.tests ?? [];
    }
  }
}
