// The search box's language: words that must all be there, "phrases",
// -without, and field:value. Nothing in it can be wrong: what is no known field
// is a word.

import type { Task } from "$/api/generated/proto";

export interface Term {
  field: Field | null;
  text: string;
  without: boolean;
}

const FIELDS = [
  "title",
  "project",
  "agent",
  "model",
  "branch",
  "issue",
  "reason",
  "state",
  "base",
  "id",
] as const;
type Field = (typeof FIELDS)[number];

const TERM = /(-)?(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/gi;

export function parseSearch(text: string): Term[] {
  const terms: Term[] = [];
  for (const [whole, minus, name, phrase, word] of text.matchAll(TERM)) {
    const field = FIELDS.find((known) => known === name?.toLowerCase()) ?? null;
    const value = phrase ?? word ?? "";
    const plain = field || !name ? value : whole.slice(minus ? 1 : 0);
    if (plain === "") continue;
    terms.push({ field, text: plain.toLowerCase(), without: minus === "-" });
  }
  return terms;
}

/** What a field says of a task; several where it has several. */
function said(task: Task, field: Field): string {
  switch (field) {
    case "title":
      return task.title;
    case "project":
      return task.project;
    case "agent":
      return task.agent;
    case "model":
      return task.model ?? "";
    case "branch":
      return task.branch;
    case "issue":
      return task.issue === null ? "" : `#${task.issue}`;
    case "reason":
      return task.reason;
    case "state":
      return task.state;
    case "base":
      return task.base ?? "";
    case "id":
      return task.id;
  }
}

/** A word looks where a person sees one: in the list and in the prompt. */
function haystack(task: Task): string {
  const issue = task.issue === null ? "" : `#${task.issue}`;
  const pull = task.pull_request ? `!${task.pull_request.number}` : "";
  const about = `${task.project} ${task.agent} ${task.model ?? ""} ${task.branch} ${task.reason} ${issue} ${pull}`;
  return `${task.title}\n${task.prompt}\n${about}\n${task.id}`.toLowerCase();
}

export function matchesSearch(task: Task, terms: readonly Term[]): boolean {
  let hay: string | null = null;
  for (const term of terms) {
    const text = term.field ? said(task, term.field).toLowerCase() : (hay ??= haystack(task));
    if (text.includes(term.text) === term.without) return false;
  }
  return true;
}
