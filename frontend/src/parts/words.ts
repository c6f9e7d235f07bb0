// Numbers and times in words.

import type { Timestamp, Usage } from "$/api/generated/proto";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Milliseconds since the epoch. */
export function millis(at: Timestamp): number {
  return at / 1000;
}

/** `4 s`, `12 min`, `3 h`, `5 d`. */
export function span(ms: number): string {
  const time = Math.max(0, ms);
  if (time < MINUTE) return `${Math.floor(time / SECOND)} s`;
  if (time < HOUR) return `${Math.floor(time / MINUTE)} min`;
  if (time < DAY) return `${Math.floor(time / HOUR)} h`;
  return `${Math.floor(time / DAY)} d`;
}

/** `0:42`, `12:05`, `1:02:03`: what is left until a deadline. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / SECOND));
  const two = (part: number) => String(part).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
  return span(ms);
}

/** The whole date and time, in this place. */
export function moment(at: Timestamp): string {
  return new Date(millis(at)).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** `1,234`; `12.3 k` from ten thousand on. */
export function count(number: number): string {
  if (number < 10_000) return number.toLocaleString("en");
  if (number < 1_000_000) return `${trim(number / 1000)} k`;
  return `${trim(number / 1_000_000)} M`;
}

function trim(number: number): string {
  return number >= 100 ? Math.round(number).toString() : number.toFixed(1).replace(/\.0$/, "");
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** `3.1 GB`. */
export function bytes(size: number): string {
  let rest = size;
  let unit = 0;
  while (rest >= 1000 && unit < UNITS.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? rest : trim(rest)} ${UNITS[unit]}`;
}

/** `$0.42`; none where nobody knows. */
export function money(micros: number | null): string | null {
  if (micros === null) return null;
  const dollars = micros / 1_000_000;
  if (micros > 0 && dollars < 0.01) return "< $0.01";
  return `$${dollars.toFixed(2)}`;
}

export function tokens(usage: Usage): number {
  return usage.input_tokens + usage.output_tokens + usage.cache_read_tokens + usage.cache_write_tokens;
}

/** `1 file`, `3 files`. */
export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** A commit or an id, as much of it as tells it from others. */
export function short(id: string, length = 8): string {
  return id.slice(0, length);
}
