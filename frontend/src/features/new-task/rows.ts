// A row of "paste many": one task to be, as text in cells, so that a person can
// type anything into one and be told what is wrong with it.

import type { Attachment, Limits, Mode, NewTask, OnTimeout, Project } from "$/api/generated/proto";
import { readBudget } from "$/parts/budget";
import { taskId } from "./ids";

export const CELLS = ["title", "prompt", "project", "agent", "model", "mode", "base", "issue"] as const;
export type Cell = (typeof CELLS)[number];

export interface Row extends Record<Cell, string> {
  /** The task's id, chosen here: filing twice files once. */
  id: string;
  /** Where it comes from, if it is an issue: its page. */
  link: string;
  /** Why its source could not be read. */
  problem: string;
}

/** What rows that say nothing get. */
export interface Shared {
  project: string;
  agent: string;
  model: string;
  mode: Mode;
  on_timeout: OnTimeout;
  base: string;
  hold: boolean;
  runner: string;
  /** Dollars for each task; empty: as much as it takes. */
  budget: string;
}

export const MODES: readonly Mode[] = ["auto", "ask", "plan"];

/** The bound of a prompt at the hub, in bytes. */
export const LONGEST_PROMPT = 1024 * 1024;

export const DEFAULT_LIMITS: Limits = {
  agent_secs: 8 * 3600,
  setup_secs: 3600,
  answer_secs: 3600,
  stall_secs: 180,
  quota_secs: 6 * 3600,
  budget_micros: null,
};

export function emptyRow(cells: Partial<Row> = {}): Row {
  return {
    id: taskId(),
    title: "",
    prompt: "",
    project: "",
    agent: "",
    model: "",
    mode: "",
    base: "",
    issue: "",
    link: "",
    problem: "",
    ...cells,
  };
}

/** What the list will call it. */
export function titleOf(row: Pick<Row, "title" | "prompt">): string {
  if (row.title.trim()) return row.title.trim();
  const first = row.prompt.split("\n").find((line) => line.trim() !== "") ?? "";
  return first.replace(/^#+\s*/, "").trim();
}

const encoder = new TextEncoder();

export function promptProblem(prompt: string): string | null {
  if (prompt.trim() === "") return "There is nothing to do in it.";
  // A character has at most three bytes per unit of UTF-16: short ones need no counting.
  if (prompt.length * 3 <= LONGEST_PROMPT) return null;
  return encoder.encode(prompt).length > LONGEST_PROMPT ? "It is longer than 1 MiB." : null;
}

/** What is wrong with a row, by cell. Empty if it can be filed. */
export function rowProblems(
  row: Row,
  shared: Shared,
  projects: ReadonlySet<string>,
): Partial<Record<Cell, string>> {
  const problems: Partial<Record<Cell, string>> = {};
  const prompt = promptProblem(row.prompt || row.title);
  if (prompt) problems.prompt = row.problem || prompt;
  const project = row.project || shared.project;
  if (!project) problems.project = "It has no project.";
  else if (!projects.has(project)) problems.project = `There is no project \`${project}\`.`;
  if (row.mode && !MODES.includes(row.mode as Mode)) problems.mode = "A mode is auto, ask or plan.";
  if (row.issue && !/^[1-9]\d{0,14}$/.test(row.issue)) problems.issue = "An issue is a number.";
  return problems;
}

/** Row → the row before it that says the same. */
export function duplicates(rows: readonly Row[], shared: Shared): Map<string, number> {
  const first = new Map<string, number>();
  const same = new Map<string, number>();
  rows.forEach((row, index) => {
    const text = (row.prompt || row.title).trim().replace(/\s+/g, " ").toLowerCase();
    if (text === "") return;
    const key = `${row.project || shared.project}\n${row.agent || shared.agent}\n${row.model || shared.model}\n${text}`;
    const before = first.get(key);
    if (before === undefined) first.set(key, index);
    else same.set(row.id, before);
  });
  return same;
}

/** The task of a row without problems. */
export function taskOf(row: Row, shared: Shared, attachments: Attachment[] = []): NewTask {
  const orNull = (text: string) => text.trim() || null;
  const issue = row.issue ? Number(row.issue) : null;
  return {
    id: row.id,
    project: row.project || shared.project,
    prompt: row.prompt.trim() ? row.prompt : row.title,
    title: orNull(row.title),
    base: orNull(row.base || shared.base),
    agent: orNull(row.agent || shared.agent),
    model: orNull(row.model || shared.model),
    mode: (row.mode || shared.mode) as Mode,
    on_timeout: shared.on_timeout,
    limits: { ...DEFAULT_LIMITS, budget_micros: readBudget(shared.budget) ?? null },
    issue,
    attachments,
    hold: shared.hold,
    runner: orNull(shared.runner),
    group: null,
  };
}

export function firstProject(projects: readonly Project[]): string {
  return projects.length === 1 ? (projects[0]?.name ?? "") : "";
}
