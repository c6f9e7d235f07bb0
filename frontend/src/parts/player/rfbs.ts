// Reads a recording of a screen: docs/PROTOCOL.md, "Recordings of a screen".
//
// Whatever is in the file, no more than the file is kept, and nothing beyond
// what is well formed is played: it may come from inside a run's walls.

export interface Recording {
  /** Microseconds since 1970. */
  began: number;
  /** Who drove; none: the agent. */
  who: string | null;
  /** Milliseconds. */
  length: number;
  /** In order of time. */
  blocks: Block[];
  /** Places of the blocks that a stream begins with. */
  starts: number[];
  acts: Act[];
  /** Its end is there. Otherwise it was cut off. */
  whole: boolean;
}

export type Block = { at: number } & (
  | { kind: "stream" }
  | { kind: "bytes"; bytes: Uint8Array }
  | { kind: "pointer"; x: number; y: number; buttons: number }
);

export interface Act {
  at: number;
  text: string;
}

/** A recording has at most 64 MiB; and a little for its head. */
export const LARGEST = 65 * 1024 * 1024;
const LONGEST_HEAD = 4096;
const LONGEST_BLOCK = 1024 * 1024;
const HEAD_OF_BLOCK = 9;
/** More pieces than ten per second of a day. */
const MOST_BLOCKS = 1_000_000;
const MOST_ACTS = 20_000;
const LONGEST_ACT = 400;

const KIND = { stream: 1, bytes: 2, pointer: 3, act: 4, end: 5 } as const;

/** Throws a sentence for a file that is none. */
export function readRecording(file: Uint8Array): Recording {
  if (file.length > LARGEST) throw new Error("The recording is larger than any that is made.");
  const { head, next } = headOf(file);
  const recording: Recording = { ...head, length: 0, blocks: [], starts: [], acts: [], whole: false };
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let place = next;
  while (place + HEAD_OF_BLOCK <= file.length && recording.blocks.length < MOST_BLOCKS) {
    const kind = view.getUint8(place);
    const at = view.getUint32(place + 1);
    const length = view.getUint32(place + 5);
    const from = place + HEAD_OF_BLOCK;
    // From here on it says what cannot be: what was before still plays.
    if (at < recording.length || length > LONGEST_BLOCK || from + length > file.length) break;
    recording.length = at;
    if (kind === KIND.end) {
      recording.whole = true;
      break;
    }
    if (!take(recording, kind, at, file.subarray(from, from + length))) break;
    place = from + length;
  }
  if (recording.starts.length === 0) throw new Error("Nothing was recorded.");
  return recording;
}

/** False: it makes no sense. */
function take(recording: Recording, kind: number, at: number, body: Uint8Array): boolean {
  const { blocks, starts, acts } = recording;
  switch (kind) {
    case KIND.stream:
      starts.push(blocks.length);
      blocks.push({ at, kind: "stream" });
      return true;
    case KIND.bytes:
      if (starts.length === 0) return false;
      blocks.push({ at, kind: "bytes", bytes: body });
      return true;
    case KIND.pointer: {
      if (body.length < 5) return false;
      const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
      blocks.push({
        at,
        kind: "pointer",
        x: view.getUint16(0),
        y: view.getUint16(2),
        buttons: view.getUint8(4),
      });
      return true;
    }
    case KIND.act:
      if (acts.length < MOST_ACTS) acts.push({ at, text: textOf(body) });
      return true;
    default:
      // Of a newer build.
      return true;
  }
}

function textOf(body: Uint8Array): string {
  const text = new TextDecoder().decode(body.subarray(0, 4 * LONGEST_ACT));
  return [...text.replaceAll(/\p{C}/gu, " ")].slice(0, LONGEST_ACT).join("").trim();
}

function headOf(file: Uint8Array): { head: Pick<Recording, "began" | "who">; next: number } {
  const line = file.subarray(0, LONGEST_HEAD).indexOf(0x0a);
  const wrong = new Error("This is not a recording of a screen.");
  if (line < 0) throw wrong;
  let said: unknown;
  try {
    said = JSON.parse(new TextDecoder().decode(file.subarray(0, line)));
  } catch {
    throw wrong;
  }
  const head = said as { pilothouse_screen?: unknown; began?: unknown; who?: unknown } | null;
  if (head === null || typeof head !== "object" || typeof head.pilothouse_screen !== "number") throw wrong;
  if (head.pilothouse_screen !== 1) throw new Error("The recording was made by a newer version.");
  const began = typeof head.began === "number" && Number.isFinite(head.began) ? head.began : 0;
  return { head: { began, who: typeof head.who === "string" ? head.who : null }, next: line + 1 };
}

/** The last stream that begins at or before a moment, as a place among the blocks. */
export function startBefore({ blocks, starts }: Recording, at: number): number {
  let found = starts[0] ?? 0;
  for (const start of starts) {
    if ((blocks[start]?.at ?? Infinity) > at) break;
    found = start;
  }
  return found;
}
