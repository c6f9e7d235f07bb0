// Marks of what a person has reviewed. A mark is of the contents: it survives
// every later snapshot in which the file is the same, and is dropped, with a
// note, when the file has changed. Pure.

import type { ChangedFile } from "$/api/generated/proto";

/** Path → what it was marked as. */
export type Marks = Record<string, string>;

/** What a mark is of: both contents and modes, and the name it had. */
export function stampOf(file: ChangedFile): string {
  const side = (of: ChangedFile["old"]) => (of ? `${of.blob ?? `${of.size}?`}.${of.mode.toString(8)}` : "-");
  return `${side(file.old)}:${side(file.new)}${file.old_path ? `:${file.old_path}` : ""}`;
}

export type MarkState = "none" | "reviewed" | "changed";

export function markOf(marks: Marks, file: ChangedFile): MarkState {
  const mark = marks[file.path];
  if (mark === undefined) return "none";
  return mark === stampOf(file) ? "reviewed" : "changed";
}

export function withMark(marks: Marks, file: ChangedFile, reviewed: boolean): Marks {
  const { [file.path]: _, ...others } = marks;
  return reviewed ? { ...others, [file.path]: stampOf(file) } : others;
}

export function progress(marks: Marks, files: readonly ChangedFile[]): { reviewed: number; changed: number } {
  const states = files.map((file) => markOf(marks, file));
  return {
    reviewed: states.filter((state) => state === "reviewed").length,
    changed: states.filter((state) => state === "changed").length,
  };
}

/** The next file to look at: the first without a mark after this one, or before it. */
export function nextToReview(
  marks: Marks,
  order: readonly ChangedFile[],
  path: string,
): ChangedFile | undefined {
  const at = order.findIndex((file) => file.path === path);
  const round = [...order.slice(at + 1), ...order.slice(0, Math.max(0, at))];
  return round.find((file) => markOf(marks, file) !== "reviewed");
}
