// Staying at what one reads while the file around it changes: lines that were
// in view are looked for, and the nearest one of the same words is the place.
// Pure.

import type { Row } from "./rows";

export interface Standing {
  /** The row at the top, and the pixels of it above the view. */
  row: number;
  within: number;
  /** How far to the side. */
  across: number;
  lines: readonly Landmark[];
}

export interface Landmark {
  row: number;
  text: string;
}

/** So many rows from the top on are landmarks: the first may be gone. */
export const LOOK = 40;

export function landmarks(rows: Iterable<readonly [number, Row | undefined]>): Landmark[] {
  const found: Landmark[] = [];
  for (const [row, data] of rows) {
    const text = data && textOf(data);
    // Blank lines and lone brackets are everywhere.
    if (text && /\w/.test(text)) found.push({ row, text });
  }
  return found;
}

/** By how many rows what one reads has moved; 0 when none of it is there. */
export function movedBy(before: Standing, rows: Iterable<[number, Row]>): number {
  const now = new Map<string, number[]>();
  for (const [row, data] of rows) {
    const text = textOf(data);
    now.set(text, [...(now.get(text) ?? []), row]);
  }
  for (const { row, text } of before.lines) {
    const places = now.get(text)?.map((place) => place - row);
    if (places) return places.reduce((one, other) => (Math.abs(other) < Math.abs(one) ? other : one));
  }
  return 0;
}

function textOf(row: Row): string {
  return row.row === "same" ? row.text : ((row.new ?? row.old)?.text ?? "");
}
