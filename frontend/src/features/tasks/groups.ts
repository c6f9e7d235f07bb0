// The list's sections, in the order in which a person should look at them, and
// the order within each.

import type { Task } from "$/api/generated/proto";

export const GROUPS = [
  { id: "needs_you", label: "Needs you" },
  { id: "ready", label: "Ready" },
  { id: "failed", label: "Failed" },
  { id: "at_work", label: "Working" },
  { id: "waiting", label: "Queued" },
  { id: "in_review", label: "In review" },
  { id: "ended", label: "Ended" },
] as const;

export type GroupName = (typeof GROUPS)[number]["id"];

export function groupOf(task: Task): GroupName {
  switch (task.state) {
    case "needs_you":
      return "needs_you";
    case "ready":
      return "ready";
    case "failed":
      return task.dismissed ? "ended" : "failed";
    case "leased":
    case "working":
    case "publishing":
      return "at_work";
    case "queued":
      return "waiting";
    case "in_review":
      return "in_review";
    case "merged":
    case "closed":
    case "published":
    case "no_change":
    case "cancelled":
      return "ended";
  }
}

export function hasEnded(task: Task): boolean {
  return groupOf(task) === "ended" || task.state === "failed";
}

export const SORTS = [
  { value: "created", label: "Newest first" },
  { value: "since", label: "Changed last" },
  { value: "waiting", label: "Longest there" },
  { value: "title", label: "Title" },
  { value: "project", label: "Project" },
  { value: "diff", label: "Largest change" },
  { value: "cost", label: "Highest cost" },
] as const;

export type SortName = (typeof SORTS)[number]["value"];

export function sortNamed(name: string | null): SortName {
  return SORTS.find((sort) => sort.value === name)?.value ?? "created";
}

const lines = (task: Task) => task.diff.added + task.diff.removed;
const cost = (task: Task) => task.usage.cost_micros ?? -1;
const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

const ORDERS: Record<SortName, (left: Task, right: Task) => number> = {
  created: (left, right) => right.created_at - left.created_at,
  since: (left, right) => right.since - left.since,
  waiting: (left, right) => left.since - right.since,
  title: (left, right) => byName.compare(left.title, right.title),
  project: (left, right) => byName.compare(left.project, right.project),
  diff: (left, right) => lines(right) - lines(left),
  cost: (left, right) => cost(right) - cost(left),
};

export interface Section {
  group: GroupName;
  label: string;
  tasks: Task[];
}

/** Sections that have tasks. `tasks` are newest first, which breaks ties. */
export function sections(tasks: readonly Task[], sort: SortName): Section[] {
  const byGroup = new Map<GroupName, Task[]>();
  for (const task of tasks) {
    const group = groupOf(task);
    const there = byGroup.get(group);
    if (there) there.push(task);
    else byGroup.set(group, [task]);
  }
  return GROUPS.flatMap(({ id, label }) => {
    const own = byGroup.get(id);
    if (!own) return [];
    if (sort !== "created") own.sort(ORDERS[sort]);
    return [{ group: id, label, tasks: own }];
  });
}

/** A row of the list: a section's head, or a task. */
export type Row =
  | { kind: "head"; key: string; group: GroupName; label: string; count: number; folded: boolean }
  | { kind: "task"; key: string; task: Task };

export function rowsOf(all: readonly Section[], folded: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  for (const { group, label, tasks } of all) {
    const isFolded = folded.has(group);
    rows.push({ kind: "head", key: `head:${group}`, group, label, count: tasks.length, folded: isFolded });
    if (!isFolded) for (const task of tasks) rows.push({ kind: "task", key: task.id, task });
  }
  return rows;
}
