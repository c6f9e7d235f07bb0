// Keeps rows where they are while a person points at the list: what is under
// the pointer must not become something else between looking and clicking.
// Rows show their new state at once; where they stand, and rows that are new,
// wait until the pointer has left.

import type { Row } from "./groups";

export interface Held {
  rows: Row[];
  /** Rows that stand elsewhere, are new or are gone. */
  waiting: number;
}

/** The rows of `shown` as they are now, in the order in which they were shown. */
export function heldStill(shown: readonly Row[], now: readonly Row[]): Held {
  const fresh = new Map(now.map((row) => [row.key, row]));
  const place = new Map<string, string>();
  let head = "";
  for (const row of now) {
    if (row.kind === "head") head = row.key;
    else place.set(row.key, head);
  }
  const rows: Row[] = [];
  let waiting = 0;
  let stood = "";
  for (const row of shown) {
    const current = fresh.get(row.key);
    if (row.kind === "head") {
      stood = row.key;
      rows.push(current ?? row);
      continue;
    }
    rows.push(current ?? row);
    if (place.get(row.key) !== stood) waiting += 1;
    place.delete(row.key);
  }
  return { rows, waiting: waiting + place.size };
}
