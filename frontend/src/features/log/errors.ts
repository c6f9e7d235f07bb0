// Which lines look like errors, for jumping from one to the next.
//
// The rule: a line of standard error that is not blank; or a line of any other
// stream that names a failure as a word of its own (`error`, `failed`, `fatal`,
// `panicked`, `exception`, `traceback`, …, in any case), unless it only says
// that there was none (`0 errors`, `no failures`, `error: none`, `without errors`).

import type { LogText } from "$/api/generated/proto";
import { plainText } from "$/parts/terminal/ansi";

/** For the hub, which knows no look-around: finds at least all that the rule finds. */
export const ERROR_PATTERN = String.raw`\b(errors?|err!|fail(ed|ure|ures|ing)?|fatal|panic(ked)?|exceptions?|traceback|segfault|segmentation fault|abort(ed)?)\b`;
const ERROR = new RegExp(ERROR_PATTERN.replace("err!", "err"), "gi");
const NONE = /(?:\b(?:no|0|zero|without(?: any)?)\s+(?:\w+\s+)?$)/i;
const NONE_AFTER = /^\s*[:=]\s*(?:0|none|null|nil|false|no)\b/i;

export function looksLikeError(line: LogText): boolean {
  const text = plainText(line.text);
  if (line.stream === "stderr") return text.trim() !== "";
  for (const found of text.matchAll(ERROR)) {
    const before = text.slice(Math.max(0, found.index - 40), found.index);
    const after = text.slice(found.index + found[0].length, found.index + found[0].length + 20);
    if (!NONE.test(before) && !NONE_AFTER.test(after)) return true;
  }
  return false;
}

/** Lines looked through at once; as many as the hub gives in one answer. */
const STRIDE = 10_000;
/** So far at a stroke: half a second on a usual machine. */
const MOST_STRIDES = 30;

export type Found = { line: number } | { end: true } | { soFar: number };

/**
 * The next error after a line, or the one before it. `soFar` is where it gave
 * up for now; asking again from there goes on.
 */
export async function nextError(
  read: (from: number, lines: number) => Promise<LogText[]>,
  from: number,
  direction: 1 | -1,
  total: number,
  wanted: () => boolean = () => true,
): Promise<Found> {
  let at = from;
  for (let stride = 0; stride < MOST_STRIDES && wanted(); stride += 1) {
    const first = direction === 1 ? at + 1 : Math.max(0, at - STRIDE);
    const last = direction === 1 ? Math.min(total, first + STRIDE) : at;
    if (first >= last) return { end: true };
    const lines = await all(read, first, last);
    const found = direction === 1 ? lines.find(looksLikeError) : lines.findLast(looksLikeError);
    if (found) return { line: found.line };
    at = direction === 1 ? last - 1 : first;
  }
  return { soFar: at };
}

/** An answer of very long lines ends early. */
async function all(
  read: (from: number, lines: number) => Promise<LogText[]>,
  first: number,
  last: number,
): Promise<LogText[]> {
  const lines: LogText[] = [];
  for (let at = first; at < last;) {
    const page = await read(at, last - at);
    if (page.length === 0) break;
    lines.push(...page);
    at = (page.at(-1)?.line ?? last) + 1;
  }
  return lines;
}
