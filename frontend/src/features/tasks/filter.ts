// Which tasks are shown: a filter is the query of the page's URL, and nothing
// else. So a filter can be sent, kept as a view and gone back to.

import type { RunnerSeen, Task } from "$/api/generated/proto";
import { groupOf, GROUPS } from "./groups";
import { matchesSearch, parseSearch } from "./search";

export interface Filter {
  /** Names of states and of groups; none: all. */
  states: string[];
  project: string;
  agent: string;
  /** Id of a runner. */
  runner: string;
  batch: string;
  /** `today`, or none. */
  filed: string;
  text: string;
}

export const FILTER_KEYS = ["state", "project", "agent", "runner", "batch", "filed", "q"] as const;
export type FilterKey = (typeof FILTER_KEYS)[number];

export function filterOf(query: URLSearchParams): Filter {
  const states = (query.get("state") ?? "").split(",").filter(Boolean);
  return {
    states,
    project: query.get("project") ?? "",
    agent: query.get("agent") ?? "",
    runner: query.get("runner") ?? "",
    batch: query.get("batch") ?? "",
    filed: query.get("filed") ?? "",
    text: query.get("q") ?? "",
  };
}

/** The query, of a filter's own keys only and in one order: to compare views. */
export function filterQuery(query: URLSearchParams): string {
  const own = new URLSearchParams();
  for (const key of FILTER_KEYS) {
    const value = query.get(key);
    if (value) own.set(key, value);
  }
  return own.toString();
}

export function isEmpty(filter: Filter): boolean {
  const { states, project, agent, runner, batch, filed, text } = filter;
  return states.length === 0 && !project && !agent && !runner && !batch && !filed && text.trim() === "";
}

/** Which runner has a task: the one that holds its run, or was given it. */
export function runnerOf(task: Task, holders: ReadonlyMap<string, string>): string | null {
  const holds = task.run ? holders.get(task.run) : undefined;
  if (holds) return holds;
  return task.state === "leased" ? task.runner : task.only_runner;
}

/** Run → runner. */
export function holdersOf(runners: readonly RunnerSeen[]): Map<string, string> {
  const holders = new Map<string, string>();
  for (const runner of runners) for (const run of runner.runs) holders.set(run, runner.id);
  return holders;
}

export function startOfDay(nowMs: number): number {
  const day = new Date(nowMs);
  day.setHours(0, 0, 0, 0);
  return day.getTime() * 1000;
}

/** The tasks that a filter lets through, in the order they came. */
export function matching(
  tasks: readonly Task[],
  filter: Filter,
  holders: ReadonlyMap<string, string>,
  nowMs: number,
): Task[] {
  const terms = parseSearch(filter.text);
  const states = wanted(filter.states);
  const since = filter.filed === "today" ? startOfDay(nowMs) : null;
  return tasks.filter(
    (task) =>
      (states === null || states.has(task.state) || states.has(`group:${groupOf(task)}`)) &&
      (!filter.project || task.project === filter.project) &&
      (!filter.agent || task.agent === filter.agent) &&
      (!filter.batch || task.batch?.id === filter.batch) &&
      (since === null || task.created_at >= since) &&
      (!filter.runner || runnerOf(task, holders) === filter.runner) &&
      (terms.length === 0 || matchesSearch(task, terms)),
  );
}

/**
 * `needs_me` is what the inbox shows of tasks; a group's name stands for the
 * group, any other word for the state of that name.
 */
function wanted(states: readonly string[]): Set<string> | null {
  if (states.length === 0) return null;
  const all = new Set<string>();
  for (const state of states) {
    if (state === "needs_me") for (const group of ["needs_you", "ready", "failed"]) all.add(`group:${group}`);
    else if (GROUPS.some((group) => group.id === state)) all.add(`group:${state}`);
    // A failure stays one when a person has seen it.
    if (state !== "needs_me") all.add(state);
  }
  return all;
}
