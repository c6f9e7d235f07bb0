// One candidate's change of a file as lines, top to bottom: what was there,
// then what is there now.

import type { DiffCell, DiffRow } from "$/api/generated/proto";

export interface Line {
  kind: "same" | "added" | "removed" | "folded";
  /** Line numbers on the old and on the new side; none where there is none. */
  old: number | null;
  new: number | null;
  parts: Part[];
}

export interface Part {
  text: string;
  strong: boolean;
}

export function linesOf(rows: readonly DiffRow[]): Line[] {
  const lines: Line[] = [];
  let removed: Line[] = [];
  let added: Line[] = [];
  const flush = () => {
    lines.push(...removed, ...added);
    removed = [];
    added = [];
  };
  for (const row of rows) {
    switch (row.row) {
      case "differs":
        if (row.old) removed.push({ kind: "removed", old: row.old.line, new: null, parts: partsOf(row.old) });
        if (row.new) added.push({ kind: "added", old: null, new: row.new.line, parts: partsOf(row.new) });
        break;
      case "same":
        flush();
        lines.push({ kind: "same", old: row.old, new: row.new, parts: [{ text: row.text, strong: false }] });
        break;
      case "folded": {
        flush();
        const text = row.rows === 1 ? "1 line as before" : `${row.rows} lines as before`;
        lines.push({ kind: "folded", old: null, new: null, parts: [{ text, strong: false }] });
        break;
      }
    }
  }
  flush();
  return lines;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Emphasis is told in bytes of UTF-8; a page counts otherwise. */
export function partsOf(cell: Pick<DiffCell, "text" | "emphasis">): Part[] {
  if (cell.emphasis.length === 0) return [{ text: cell.text, strong: false }];
  const bytes = encoder.encode(cell.text);
  const parts: Part[] = [];
  let at = 0;
  const take = (end: number, strong: boolean) => {
    if (end > at) parts.push({ text: decoder.decode(bytes.subarray(at, end)), strong });
    at = Math.max(at, end);
  };
  for (const [start, end] of cell.emphasis) {
    take(start, false);
    take(end, true);
  }
  take(bytes.length, false);
  return parts;
}
