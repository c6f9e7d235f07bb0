// What was pasted, read as tasks to be. The kind is guessed from the text; a
// person can say another. Nothing is left out without a note.

import Papa from "papaparse";
import { CELLS, emptyRow, type Cell, type Row } from "./rows";

export type Kind = "list" | "blocks" | "lines" | "table" | "json" | "links";

export interface Pasted {
  kind: Kind;
  rows: Row[];
  /** What was left out or understood in a way worth saying. */
  notes: string[];
  /** Why it cannot be read as this kind at all. */
  problem: string | null;
}

/** More are a mistake: a log pasted instead of a list. */
export const MOST_ROWS = 20_000;

const MARK = /^(\s*)(?:[-*+•–]|\(?\d{1,6}[.)])\s+(?:\[([ xX])\]\s+)?/;
const ISSUE_LINK = /^https?:\/\/[^\s/]+\/[^\s]+\/(?:-\/)?(?:issues|work_items)\/\d+(?:[/?#]\S*)?$/;

export function isIssueLink(text: string): boolean {
  return ISSUE_LINK.test(text.trim());
}

/** Guesses what a text is. */
export function kindOf(text: string): Kind {
  const trimmed = text.trim();
  const lines = trimmed.split(/\r?\n/).filter((line) => line.trim() !== "");
  const first = lines[0] ?? "";
  if (/^[[{]/.test(trimmed) && looksLikeJson(trimmed)) return "json";
  if (lines.length > 0 && lines.every((line) => isIssueLink(line.replace(MARK, "")))) return "links";
  if (headerOf(first)) return "table";
  const top = lines.filter((line) => !/^\s/.test(line));
  const marked = top.filter((line) => MARK.test(line)).length;
  if (marked > 0 && marked * 2 >= top.length) return "list";
  const blocks = trimmed.split(/\r?\n[ \t]*(?:\r?\n)+/);
  return blocks.length > 1 && blocks.some((block) => block.trim().includes("\n")) ? "blocks" : "lines";
}

/** `[ ] buy milk` begins like JSON too. */
function looksLikeJson(text: string): boolean {
  return /^(?:\[\s*[{"]|\[\s*\]$|\{\s*["}])/.test(text);
}

export function readPasted(text: string, kind: Kind = kindOf(text)): Pasted {
  const body = text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  const read = READERS[kind](body);
  if (read.rows.length > MOST_ROWS) {
    const problem = `These are ${read.rows.length} tasks; at most ${MOST_ROWS} are read at once.`;
    return { kind, rows: [], notes: [], problem };
  }
  return { kind, ...read };
}

type Read = Omit<Pasted, "kind">;

const READERS: Record<Kind, (text: string) => Read> = {
  list: readList,
  blocks: (text) => ok(text.split(/\n[ \t]*\n+/).map(trimBlock)),
  lines: (text) => ok(text.split("\n").map((line) => line.replace(MARK, "").trim())),
  table: readTable,
  json: readJson,
  links: readLinks,
};

function ok(prompts: string[], notes: string[] = []): Read {
  const rows = prompts.filter((prompt) => prompt !== "").map((prompt) => emptyRow({ prompt }));
  return { rows, notes, problem: null };
}

function trimBlock(block: string): string {
  return block
    .replace(/^\s*\n/, "")
    .trimEnd()
    .replace(MARK, "")
    .trim();
}

/** Bullets and numbers at the outermost level; what is indented below belongs to them. */
function readList(text: string): Read {
  const lines = text.split("\n");
  const margins = lines.flatMap((line) => {
    const mark = MARK.exec(line);
    return mark ? [mark[1]?.length ?? 0] : [];
  });
  const margin = Math.min(...margins, Infinity);
  const prompts: string[][] = [];
  const headings: string[] = [];
  let ticked = 0;
  let current: string[] | null = null;
  let blank = false;
  for (const line of lines) {
    const mark = MARK.exec(line);
    if (mark && (mark[1]?.length ?? 0) <= margin) {
      current = [line.slice(mark[0].length)];
      if (mark[2]?.toLowerCase() === "x") ticked += 1;
      else prompts.push(current);
    } else if (line.trim() === "") {
      current?.push("");
    } else if (isHeading(line) && (blank || current === null)) {
      headings.push(line.trim());
      current = null;
    } else if (current && (/^\s/.test(line) || !blank)) {
      current.push(line);
    } else {
      current = [line];
      prompts.push(current);
    }
    blank = line.trim() === "";
  }
  const notes = headings.map((heading) => `\`${heading}\` was taken for a heading and left out.`);
  if (ticked > 0)
    notes.push(ticked === 1 ? "One ticked item was left out." : `${ticked} ticked items were left out.`);
  return ok(prompts.map(undented), notes);
}

function isHeading(line: string): boolean {
  return /^#{1,6}\s/.test(line) || /^\S.{0,80}:\s*$/.test(line);
}

/** The first line as it is; the others less the indentation they share. */
function undented([first = "", ...rest]: string[]): string {
  const depths = rest
    .filter((line) => line.trim() !== "")
    .map((line) => line.length - line.trimStart().length);
  const depth = Math.min(...depths, Infinity);
  return [first, ...rest.map((line) => line.slice(Math.min(depth, line.length)))].join("\n").trim();
}

const ALIASES: Record<string, Cell> = {
  name: "title",
  summary: "title",
  description: "prompt",
  body: "prompt",
  task: "prompt",
  text: "prompt",
  branch: "base",
  "base branch": "base",
  "issue number": "issue",
};

function cellNamed(header: string): Cell | null {
  const name = header.trim().toLowerCase();
  return CELLS.find((cell) => cell === name) ?? ALIASES[name] ?? null;
}

/** The cells of a header line; none if it is no header of a table of tasks. */
function headerOf(line: string): (Cell | null)[] | null {
  const delimiter = ["\t", ",", ";"].find((mark) => line.includes(mark));
  const names = (delimiter ? line.split(delimiter) : [line]).map((name) => name.replace(/^\s*"|"\s*$/g, ""));
  const cells = names.map(cellNamed);
  const known = cells.filter((cell) => cell !== null);
  const says = known.includes("title") || known.includes("prompt");
  const enough = delimiter
    ? known.length * 2 >= names.length
    : CELLS.some((cell) => cell === names[0]?.trim());
  return says && enough ? cells : null;
}

function readTable(text: string): Read {
  const { data, errors } = Papa.parse<string[]>(text.trim(), { skipEmptyLines: "greedy" });
  const [header, ...lines] = data;
  const cells = header?.map(cellNamed) ?? [];
  if (!cells.includes("title") && !cells.includes("prompt")) {
    const problem = "The first line must name the columns; one of them is `title` or `prompt`.";
    return { rows: [], notes: [], problem };
  }
  const rows = lines.map((line) => {
    const row = emptyRow();
    cells.forEach((cell, index) => {
      if (cell) row[cell] = (line[index] ?? "").trim();
    });
    row.issue = row.issue.replace(/^#/, "");
    row.mode = row.mode.toLowerCase();
    return row;
  });
  const unknown = header?.filter((name, index) => cells[index] === null && name.trim() !== "") ?? [];
  const notes = unknown.map((name) => `The column \`${name.trim()}\` is not known and was left out.`);
  for (const error of errors.slice(0, 5)) {
    // A table of one column has no delimiter to be found.
    if (error.code !== "UndetectableDelimiter") notes.push(`Line ${(error.row ?? 0) + 1}: ${error.message}.`);
  }
  return { rows, notes, problem: null };
}

function readJson(text: string): Read {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    const problem = `This is no valid JSON: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    return { rows: [], notes: [], problem };
  }
  const entries: unknown[] = Array.isArray(value) ? value : [value];
  const unknown = new Set<string>();
  const notes: string[] = [];
  const rows = entries.flatMap((entry, index) => {
    if (typeof entry === "string") return [emptyRow({ prompt: entry })];
    if (typeof entry !== "object" || entry === null || Array.isArray(entry)) {
      notes.push(`Entry ${index + 1} is neither a text nor an object and was left out.`);
      return [];
    }
    const row = emptyRow();
    for (const [name, said] of Object.entries(entry)) {
      const cell = cellNamed(name);
      if (!cell || (typeof said !== "string" && typeof said !== "number" && said !== null)) unknown.add(name);
      else row[cell] = said === null ? "" : String(said);
    }
    return [row];
  });
  for (const name of unknown) notes.push(`The field \`${name}\` is not known and was left out.`);
  return { rows, notes, problem: null };
}

function readLinks(text: string): Read {
  const lines = text.split("\n").map((line) => line.replace(MARK, "").trim());
  const links = [...new Set(lines.filter((line) => line !== ""))];
  const wrong = links.filter((link) => !isIssueLink(link));
  const notes = wrong.map((link) => `\`${link}\` is no link of an issue and was left out.`);
  const rows = links.filter(isIssueLink).map((link) => emptyRow({ link }));
  return { rows, notes, problem: null };
}
