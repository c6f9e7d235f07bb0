// Where comments stand in a file: on their lines while those say what they
// said; where the same lines are now, if they have moved; else nowhere, which
// the head of the file then tells. Pure.

import type { ReviewNote } from "$/api/generated/proto";
import type { Row } from "./rows";

export type Anchored = Pick<ReviewNote, "old_side" | "first_line" | "last_line" | "quote">;

/** A line of one side: `o12`, `n12`. */
export type LineKey = `${"o" | "n"}${number}`;

export function keyOf(old: boolean, line: number): LineKey {
  return `${old ? "o" : "n"}${line}`;
}

/** The line that a comment stands below. */
export function anchorOf(note: Anchored): LineKey | null {
  if (typeof note.first_line !== "number") return null;
  return keyOf(note.old_side, note.last_line ?? note.first_line);
}

export type Lines = ReadonlyMap<number, string>;

/** The lines of each side, of rows that are known. */
export function linesOf(rows: Iterable<[number, Row]>): {
  old: Map<number, string>;
  new: Map<number, string>;
} {
  const sides = { old: new Map<number, string>(), new: new Map<number, string>() };
  for (const [, row] of rows) {
    if (row.row === "same") {
      sides.old.set(row.old, row.text);
      sides.new.set(row.new, row.text);
      continue;
    }
    if (row.old) sides.old.set(row.old.line, row.old.text);
    if (row.new) sides.new.set(row.new.line, row.new.text);
  }
  return sides;
}

/** The lines a comment is of, one after the other. */
export function quoteOf(lines: Lines, first: number, last: number): string {
  const quote: string[] = [];
  for (let line = first; line <= last; line += 1) quote.push(lines.get(line) ?? "");
  return quote.join("\n");
}

/** How far lines may have moved and still be taken for the same. */
const FAR = 2000;

/** The first line that a comment is of now; null: its lines are not there any more. */
export function placed(note: Anchored, lines: Lines): number | null {
  if (typeof note.first_line !== "number") return null;
  const quote = note.quote.split("\n");
  if (note.quote === "" || matches(lines, note.first_line, quote)) return note.first_line;
  // Of a blank line nobody can say where it went.
  if (note.quote.trim() === "") return null;
  for (let distance = 1; distance <= FAR; distance += 1) {
    for (const line of [note.first_line - distance, note.first_line + distance]) {
      if (line > 0 && matches(lines, line, quote)) return line;
    }
  }
  return null;
}

function matches(lines: Lines, first: number, quote: readonly string[]): boolean {
  return quote.every((text, at) => lines.get(first + at)?.trimEnd() === text.trimEnd());
}
