// Which candidate touched what.

import type { ChangedFile, Run, Snapshot, Task } from "$/api/generated/proto";

export interface FileRow {
  path: string;
  /** By candidate, in their order; none where it left the file alone. */
  cells: (ChangedFile | null)[];
  touchedBy: number;
}

/** Files that all touched come first: there they can be compared. */
export function matrix(snapshots: readonly (Snapshot | null)[]): FileRow[] {
  const paths = new Set(snapshots.flatMap((snapshot) => Object.keys(snapshot?.files ?? {})));
  const rows = [...paths].map((path) => {
    const cells = snapshots.map((snapshot) => snapshot?.files[path] ?? null);
    return { path, cells, touchedBy: cells.filter((cell) => cell !== null).length };
  });
  return rows.sort((left, right) => right.touchedBy - left.touchedBy || left.path.localeCompare(right.path));
}

/** `A`, `B`, …: short names for the columns. */
export function letter(index: number): string {
  return String.fromCharCode(65 + index);
}

/** In the order in which they were filed, so that a letter stays a candidate's. */
export function candidates(tasks: readonly Task[], group: string): Task[] {
  const own = tasks.filter((task) => task.group === group);
  return own.sort((left, right) => left.created_at - right.created_at || (left.id < right.id ? -1 : 1));
}

/** Milliseconds that its runs were at it. */
export function timeTaken(runs: readonly Run[], nowMs: number): number {
  return runs.reduce((sum, run) => {
    const from = (run.started_at ?? run.leased_at) / 1000;
    const until = run.ended_at === null ? nowMs : run.ended_at / 1000;
    return sum + Math.max(0, until - from);
  }, 0);
}

/** The two to look at first: those that are ready, or the first two. */
export function firstPair(tasks: readonly Task[]): [string, string] {
  const ready = tasks.filter(({ state }) => state === "ready");
  const others = tasks.filter(({ state }) => state !== "ready");
  const [left, right] = [...ready, ...others];
  return [left?.id ?? "", right?.id ?? ""];
}
