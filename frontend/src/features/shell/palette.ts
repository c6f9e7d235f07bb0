// What the command palette offers for what was typed.

import fuzzysort from "fuzzysort";
import type { Task } from "$/api/generated/proto";
import type { Icon } from "$/ui/icon";

export interface Command {
  id: string;
  group: string;
  label: string;
  icon: Icon;
  /** Other words it is found by. */
  words?: string | undefined;
  keys?: string | undefined;
  run: () => void;
}

export type Found =
  { kind: "command"; id: string; command: Command } | { kind: "task"; id: string; task: Task };

/** Enough to scroll through; more typing narrows it. */
const TASKS_AT_MOST = 40;
/** Tasks that are offered before anything is typed. */
const RECENT = 6;
/** fuzzysort's score from 0 to 1; below this it is noise. */
const THRESHOLD = 0.25;

const taskOf = (task: Task): Found => ({ kind: "task", id: `task/${task.id}`, task });
const commandOf = (command: Command): Found => ({ kind: "command", id: command.id, command });

/** An id that was pasted, or its first digits. */
function byId(query: string, tasks: readonly Task[]): Task[] {
  if (!/^[0-9a-f][0-9a-f-]{5,}$/i.test(query)) return [];
  return tasks.filter((task) => task.id.startsWith(query.toLowerCase())).slice(0, TASKS_AT_MOST);
}

/** `tasks` are newest first. */
export function find(query: string, commands: readonly Command[], tasks: readonly Task[]): Found[] {
  const asked = query.trim();
  if (asked === "") return [...commands.map(commandOf), ...tasks.slice(0, RECENT).map(taskOf)];
  const exact = byId(asked, tasks);
  const seen = new Set(exact.map((task) => task.id));
  const foundTasks = fuzzysort
    .go(asked, tasks, {
      keys: ["title", "branch", "project", "agent"],
      limit: TASKS_AT_MOST,
      threshold: THRESHOLD,
    })
    .filter((result) => !seen.has(result.obj.id));
  const foundCommands = fuzzysort.go(asked, commands, {
    keys: ["label", (command: Command) => command.words ?? ""],
    threshold: THRESHOLD,
  });
  const scored = [
    ...foundCommands.map((result) => ({ score: result.score, found: commandOf(result.obj) })),
    // Of two that fit alike, the command: it is one of few.
    ...foundTasks.map((result) => ({ score: result.score * 0.98, found: taskOf(result.obj) })),
  ].sort((left, right) => right.score - left.score);
  return [...exact.map(taskOf), ...scored.map(({ found }) => found)];
}
