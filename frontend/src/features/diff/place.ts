// Where a comment is, in words.

import type { ReviewNote } from "$/api/generated/proto";

export function placeOf(note: Pick<ReviewNote, "old_side" | "first_line" | "last_line">): string {
  if (typeof note.first_line !== "number") return "the file";
  const last = note.last_line ?? note.first_line;
  const lines = last === note.first_line ? `line ${last}` : `lines ${note.first_line}–${last}`;
  return note.old_side ? `${lines} of the base` : lines;
}
