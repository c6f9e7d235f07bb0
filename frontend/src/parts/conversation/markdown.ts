// A turn as Markdown: what is copied to put it somewhere else.

import { answerDetail, answerWords, askLine, askTitle, deciderWords } from "$/parts/ask/words";
import type { Entry } from "./entries.svelte";

/** The entries of the turn that begins at `key`, up to the next one. */
export function turnOf(entries: readonly Entry[], key: number): Entry[] {
  const from = entries.findIndex((entry) => entry.key === key);
  if (from < 0) return [];
  const next = entries.findIndex((entry, index) => index > from && entry.kind === "turn");
  return entries.slice(from, next < 0 ? undefined : next);
}

export function asMarkdown(entries: readonly Entry[]): string {
  return `${entries
    .map(paragraph)
    .filter((one) => one !== "")
    .join("\n\n")}\n`;
}

function paragraph(entry: Entry): string {
  switch (entry.kind) {
    case "turn":
      return `## Turn ${entry.turn}\n\n${quoted(entry.prompt)}`;
    case "steered":
      return quoted(entry.text);
    case "text":
      return entry.text.trim();
    case "tool":
      return [
        `- **${entry.tool}** ${code(entry.summary)}${entry.state === "refused" ? " (refused)" : ""}`,
        ...inner(entry.children),
      ].join("\n");
    case "todos":
      return entry.items
        .map((item) => `- [${item.status === "completed" ? "x" : " "}] ${item.text}`)
        .join("\n");
    case "ask": {
      const asked = `**${askTitle(entry.ask)}** ${code(askLine(entry))}`;
      if (!entry.answered) return asked;
      const { answer, decider } = entry.answered;
      return `${asked}\n\n${answerWords(entry.ask, answer)} ${deciderWords(decider)}. ${answerDetail(answer)}`.trimEnd();
    }
    case "turn_end":
      return entry.problem ? `**${entry.problem.message}**` : entry.summary.trim();
    case "limit":
      return `*Limit: ${entry.reason}*`;
    case "artifact":
      return `*File: ${entry.name}*`;
    case "thinking":
    case "retry":
    case "marks":
    case "raw":
      return "";
  }
}

function inner(entries: readonly Entry[]): string[] {
  const text = entries
    .map(paragraph)
    .filter((one) => one !== "")
    .join("\n");
  return text === "" ? [] : [text.replace(/^/gm, "  ")];
}

function quoted(text: string): string {
  return text.trimEnd().replace(/^/gm, "> ");
}

/** Backticks inside need a longer fence. */
function code(text: string): string {
  if (text === "") return "";
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return longest > 0 ? `${fence} ${text} ${fence}` : `${fence}${text}${fence}`;
}
