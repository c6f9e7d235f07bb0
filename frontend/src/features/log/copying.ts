// Taking lines of a log elsewhere: to the clipboard, or as a file.

import type { LogText } from "$/api/generated/proto";
import { plainText } from "$/parts/terminal/ansi";
import type { LineRange } from "./lines";
import type { LogView } from "./view.svelte";

/** What a clipboard takes without a fuss. */
export const MOST_COPIED = 100_000;
const STRIDE = 10_000;

export function asText(lines: readonly LogText[]): string {
  return lines.map((line) => plainText(line.text)).join("\n");
}

/** The text of a range, and whether it was too long to be given whole. */
export async function rangeText(
  view: LogView,
  range: LineRange,
): Promise<{ text: string; count: number; cut: boolean }> {
  const lines = await view.pages.range(range.first, range.last, MOST_COPIED);
  const wanted = range.last - range.first + 1;
  return {
    text: asText(lines),
    count: lines.length,
    cut: lines.length < Math.min(wanted, view.total - range.first),
  };
}

/** The range, if all of it is here already: a copy event cannot wait. */
export function heldText(view: LogView, range: LineRange): string | null {
  if (range.last - range.first > 20_000) return null;
  const lines: LogText[] = [];
  for (let line = range.first; line <= Math.min(range.last, view.total - 1); line += 1) {
    const held = view.pages.line(line);
    if (!held) return null;
    lines.push(held);
  }
  return asText(lines);
}

/** The whole log as it came, with its colours, in parts of ten thousand lines. */
export async function wholeLog(view: LogView, progress: (share: number) => void): Promise<Blob> {
  const parts: Blob[] = [];
  for (let at = 0; at < view.total;) {
    const page = await view.read(at, STRIDE);
    const last = page.lines.at(-1);
    if (!last) break;
    // A blob of its own, so that the browser may keep it outside of the heap.
    parts.push(new Blob([page.lines.map((line) => `${line.text}\n`).join("")]));
    at = last.line + 1;
    progress(at / view.total);
  }
  return new Blob(parts, { type: "text/plain;charset=utf-8" });
}

export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
