// The tasks below a task, as a list that reads like the tree.

import type { Task, TaskId } from "$/api/generated/proto";

export interface Row {
  task: Task;
  /** 0: the task's own children. */
  depth: number;
}

/** All tasks below `root`, oldest first, each right behind its parent. */
export function below(tasks: readonly Task[], root: TaskId): Row[] {
  const children = new Map<TaskId, Task[]>();
  for (const task of tasks) {
    if (!task.parent) continue;
    const siblings = children.get(task.parent);
    if (siblings) siblings.push(task);
    else children.set(task.parent, [task]);
  }
  const rows: Row[] = [];
  const seen = new Set<TaskId>([root]);
  const walk = (parent: TaskId, depth: number): void => {
    const own = (children.get(parent) ?? []).sort((one, other) => one.created_at - other.created_at);
    for (const task of own) {
      if (seen.has(task.id)) continue;
      seen.add(task.id);
      rows.push({ task, depth });
      walk(task.id, depth + 1);
    }
  };
  walk(root, 0);
  return rows;
}
