// Everything that needs a person, oldest first. What it is comes from the live
// lists; nothing here is kept.

import type { InboxItem, Problem, RunnerSeen, Task } from "$/api/generated/proto";
import { isRefused, type Refused } from "$/parts/ask/refused";

export type Need =
  | { kind: "ask"; id: string; since: number; item: InboxItem; task: Task | undefined }
  /** Hosts that a run was refused: it goes on without them. */
  | { kind: "network"; id: string; since: number; asks: Refused[]; task: Task | undefined }
  | { kind: "ready"; id: string; since: number; task: Task }
  | { kind: "failed"; id: string; since: number; task: Task; problem: Problem }
  | { kind: "runner"; id: string; since: number; runner: RunnerSeen };

/** What the lists of a hub say. */
export interface Lists {
  tasks: readonly Task[];
  runners: readonly RunnerSeen[];
  inbox: readonly InboxItem[];
}

export function needs({ tasks, runners, inbox }: Lists): Need[] {
  const byId = new Map(tasks.map((task) => [task.id, task]));
  const all: Need[] = [];
  const refused = new Map<string, Extract<Need, { kind: "network" }>>();
  for (const item of inbox) {
    const { id, run, asked_at: since } = item;
    const task = byId.get(item.task);
    const others = refused.get(run);
    if (!isRefused(item)) all.push({ kind: "ask", id, since, item, task });
    else if (others) others.asks.push(item);
    else refused.set(run, { kind: "network", id: networkId(run), since, asks: [item], task });
  }
  all.push(...refused.values());
  for (const task of tasks) {
    if (task.state === "ready") all.push({ kind: "ready", id: task.id, since: task.since, task });
    else if (task.state === "failed" && !task.dismissed) {
      all.push({ kind: "failed", id: task.id, since: task.since, task, problem: task.problem });
    }
  }
  for (const runner of runners) {
    if (runner.online || runner.revoked || runner.runs.length === 0) continue;
    all.push({ kind: "runner", id: runner.id, since: runner.seen_at ?? 0, runner });
  }
  return all.sort((left, right) => left.since - right.since || (left.id < right.id ? -1 : 1));
}

/** Of the hosts that a run was refused, together. */
export function networkId(run: string): string {
  return `network:${run}`;
}

/** The one that is meant by an id, which may be of one host among several. */
export function needOf(all: readonly Need[], id: string | null): Need | undefined {
  return all.find(
    (need) => need.id === id || (need.kind === "network" && need.asks.some((item) => item.id === id)),
  );
}

/** What holds something up. Refused hosts do not: they are shown, and not counted. */
export function pressing(all: readonly Need[]): number {
  return all.filter(({ kind }) => kind !== "network").length;
}

/** Runs that a runner took with it, as tasks. */
export function heldBy(runner: RunnerSeen, tasks: readonly Task[]): Task[] {
  const runs = new Set(runner.runs);
  return tasks.filter((task) => task.run !== null && runs.has(task.run));
}

/** How many of each kind, for the head of the list. */
export function countKinds(all: readonly Need[]): Record<Need["kind"], number> {
  const counts = { ask: 0, network: 0, ready: 0, failed: 0, runner: 0 };
  for (const need of all) counts[need.kind] += 1;
  return counts;
}

/**
 * Where the person is after what they were at is done: the one that took its
 * place in the list, or the last.
 */
export function nextAfter(before: readonly Need[], now: readonly Need[], gone: string): string | null {
  const at = before.findIndex((need) => need.id === gone);
  const there = new Set(now.map((need) => need.id));
  const after = before.slice(at + 1).find((need) => there.has(need.id));
  return after?.id ?? now.at(-1)?.id ?? null;
}

/** One step up or down the list; from nowhere to its beginning. */
export function step(all: readonly Need[], from: string | null, by: 1 | -1): string | null {
  const at = all.findIndex((need) => need.id === from);
  if (at < 0) return all[0]?.id ?? null;
  return all[Math.min(all.length - 1, Math.max(0, at + by))]?.id ?? null;
}
