// Files many tasks in parts. Each part is filed whole or not at all, and the
// ids are chosen before: what is tried again after a lost answer is not filed
// twice.

import type { Client } from "$/api/client";
import { asProblem } from "$/api/errors";
import type { NewBatch, NewTask, Problem, Task } from "$/api/generated/proto";

/** The hub's bound. */
export const PART_TASKS = 1000;
/** Below what a hub takes as one request, with room for JSON's escapes. */
export const PART_BYTES = 4 * 1024 * 1024;

export interface Filing {
  filed: Task[];
  /** Why the rest was not filed. */
  problem: Problem | null;
}

export function parts(tasks: readonly NewTask[]): NewTask[][] {
  const all: NewTask[][] = [];
  let part: NewTask[] = [];
  let bytes = 0;
  for (const task of tasks) {
    // Three bytes a unit at most in UTF-8; an overestimate only makes parts smaller.
    const size = task.prompt.length * 3 + 1000;
    if (part.length > 0 && (part.length >= PART_TASKS || bytes + size > PART_BYTES)) {
      all.push(part);
      part = [];
      bytes = 0;
    }
    part.push(task);
    bytes += size;
  }
  if (part.length > 0) all.push(part);
  return all;
}

/** Files them in order and stops at the first part that is refused. */
export async function fileAll(
  client: Client,
  tasks: readonly NewTask[],
  batch: NewBatch | null,
  step: (filed: number) => void,
): Promise<Filing> {
  const filed: Task[] = [];
  for (const part of parts(tasks)) {
    try {
      filed.push(...(await client.call("task_new_many", { tasks: part, batch })));
    } catch (thrown) {
      return { filed, problem: asProblem(thrown) };
    }
    step(filed.length);
  }
  return { filed, problem: null };
}
