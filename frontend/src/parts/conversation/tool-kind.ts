// Which icon a tool has. Agents name their tools as they like; what is not
// known is a wrench.

import Bot from "@lucide/svelte/icons/bot";
import FilePen from "@lucide/svelte/icons/file-pen";
import FileText from "@lucide/svelte/icons/file-text";
import FileX from "@lucide/svelte/icons/file-x";
import GitCommitHorizontal from "@lucide/svelte/icons/git-commit-horizontal";
import Globe from "@lucide/svelte/icons/globe";
import ListChecks from "@lucide/svelte/icons/list-checks";
import Plug from "@lucide/svelte/icons/plug";
import Search from "@lucide/svelte/icons/search";
import SquareTerminal from "@lucide/svelte/icons/square-terminal";
import Wrench from "@lucide/svelte/icons/wrench";
import type { Icon } from "$/ui/icon";

const KINDS: readonly (readonly [RegExp, Icon])[] = [
  [/^mcp__/, Plug],
  [/^(bash|run|shell|exec|terminal|command|killshell|bashoutput)/i, SquareTerminal],
  [/^(edit|multiedit|write|append|notebookedit|apply_patch|rename|create)/i, FilePen],
  [/^(delete|remove)/i, FileX],
  [/^(read|view|cat|notebookread)/i, FileText],
  [/^(grep|glob|search|find|ls|list)/i, Search],
  [/^(webfetch|websearch|fetch|browser)/i, Globe],
  [/^(task|agent)/i, Bot],
  [/^(todo|exitplanmode|plan)/i, ListChecks],
  [/^(commit|git)/i, GitCommitHorizontal],
];

export function toolIcon(tool: string): Icon {
  return KINDS.find(([names]) => names.test(tool))?.[1] ?? Wrench;
}

/** `0.4 s`, `12 s`, `3 min 5 s`. */
export function took(micros: number): string {
  const seconds = Math.max(0, micros / 1_000_000);
  if (seconds < 0.1) return "< 0.1 s";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The time of day, in this place. */
export function timeOfDay(micros: number): string {
  return new Date(micros / 1000).toLocaleTimeString(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}
