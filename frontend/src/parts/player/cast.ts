// Reads a recording of a terminal: asciicast version 2, a line of JSON each.
// Source: https://docs.asciinema.org/manual/asciicast/v2/
//
// The text goes to a terminal that does nothing but show it.

export interface Cast {
  columns: number;
  rows: number;
  /** Microseconds since 1970; 0 where it does not say. */
  began: number;
  /** Milliseconds. */
  length: number;
  events: CastEvent[];
  whole: boolean;
}

export type CastEvent = { at: number } & (
  { kind: "shown"; text: string } | { kind: "sized"; columns: number; rows: number }
);

export const LARGEST = 65 * 1024 * 1024;
/** More than any screen shows in the smallest letters. */
const LARGEST_SIZE = 1000;
const MOST_EVENTS = 1_000_000;
/** A week: what says more lies. */
const LONGEST_MS = 7 * 24 * 3600 * 1000;

/** Throws a sentence for a file that is none. */
export function readCast(file: Uint8Array): Cast {
  if (file.length > LARGEST) throw new Error("The recording is larger than any that is made.");
  const lines = new TextDecoder().decode(file).split("\n");
  const cast = headOf(lines[0] ?? "");
  for (const line of lines.slice(1)) {
    if (line.trim() === "") continue;
    const event = eventOf(line);
    // What came before a damaged line still plays.
    if (event === "damaged" || cast.events.length >= MOST_EVENTS) return { ...cast, whole: false };
    if (event === "other") continue;
    event.at = Math.max(event.at, cast.length);
    cast.length = event.at;
    cast.events.push(event);
  }
  return cast;
}

function sizeOf(value: unknown): number | null {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= LARGEST_SIZE
    ? value
    : null;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function headOf(line: string): Cast {
  const said = parsed(line) as { version?: unknown; width?: unknown; height?: unknown; timestamp?: unknown };
  if (typeof said !== "object" || said === null || said.version !== 2) {
    throw new Error("This is not a recording of a terminal (asciicast version 2).");
  }
  const began =
    typeof said.timestamp === "number" && Number.isFinite(said.timestamp) ? said.timestamp * 1e6 : 0;
  return {
    columns: sizeOf(said.width) ?? 80,
    rows: sizeOf(said.height) ?? 24,
    began,
    length: 0,
    events: [],
    whole: true,
  };
}

function eventOf(line: string): CastEvent | "damaged" | "other" {
  const said = parsed(line);
  if (!Array.isArray(said)) return "damaged";
  const [seconds, kind, text] = said as unknown[];
  if (typeof seconds !== "number" || typeof kind !== "string" || typeof text !== "string") return "damaged";
  const at = Math.round(seconds * 1000);
  if (!(at >= 0 && at <= LONGEST_MS)) return "damaged";
  if (kind === "o") return { at, kind: "shown", text };
  if (kind !== "r") return "other";
  const [columns, rows] = text.split("x").map(Number);
  const [wide, high] = [sizeOf(columns), sizeOf(rows)];
  return wide === null || high === null ? "other" : { at, kind: "sized", columns: wide, rows: high };
}
