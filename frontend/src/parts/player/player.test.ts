import { expect, it, vi } from "vitest";
import { fits } from "$/parts/screen/bounds";
import { readCast } from "./cast";
import { recordingKind } from "./kinds";
import { clock, Playback } from "./playback.svelte";
import { readRecording, startBefore } from "./rfbs";

type Part = [kind: number, at: number, body?: number[] | string];

const HEAD = '{"pilothouse_screen":1,"began":1700000000000000,"who":"ada"}\n';

function bytesOf(body: number[] | string): Uint8Array {
  return typeof body === "string" ? new TextEncoder().encode(body) : new Uint8Array(body);
}

function file(parts: Part[], head = HEAD): Uint8Array {
  const blocks = parts.map(([kind, at, said = []]) => {
    const body = bytesOf(said);
    const block = new Uint8Array(9 + body.length);
    const view = new DataView(block.buffer);
    view.setUint8(0, kind);
    view.setUint32(1, at);
    view.setUint32(5, body.length);
    block.set(body, 9);
    return block;
  });
  const all = [bytesOf(head), ...blocks];
  const whole = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
  all.reduce((place, part) => (whole.set(part, place), place + part.length), 0);
  return whole;
}

const TWO: Part[] = [
  [1, 0],
  [2, 0, "RFB 003.008\n"],
  [4, 900, "click 10,20"],
  [3, 1000, [0, 10, 0, 20, 1]],
  [2, 1500, [0, 1]],
  [1, 10_000],
  [2, 10_000, "RFB 003.008\n"],
  [5, 12_000],
];

it("a recording is read: who, how long, its streams, and what was done", () => {
  const recording = readRecording(file(TWO));
  expect(recording).toMatchObject({ who: "ada", began: 1_700_000_000_000_000, length: 12_000, whole: true });
  expect(recording.acts).toEqual([{ at: 900, text: "click 10,20" }]);
  expect(recording.blocks[2]).toEqual({ at: 1000, kind: "pointer", x: 10, y: 20, buttons: 1 });
  expect(recording.starts.map((start) => recording.blocks[start]?.at)).toEqual([0, 10_000]);
  expect([0, 9999, 10_000, 99_999].map((at) => startBefore(recording, at))).toEqual([0, 0, 4, 4]);
});

it("a recording that was cut off plays as far as it goes", () => {
  const whole = file(TWO);
  for (let length = HEAD.length + 9; length < whole.length; length += 1) {
    const recording = readRecording(whole.slice(0, length));
    expect(recording.whole).toBe(false);
    expect(recording.length).toBeLessThanOrEqual(12_000);
  }
});

it("what is no recording is refused in a sentence", () => {
  for (const head of ["", "\n", "{}\n", "null\n", "[1]\n", "no json\n", "x".repeat(10_000)]) {
    expect(() => readRecording(file([], head))).toThrow(/not a recording of a screen/);
  }
  expect(() => readRecording(file([], '{"pilothouse_screen":2}\n'))).toThrow(/newer/);
  expect(() => readRecording(file([]))).toThrow(/Nothing was recorded/);
});

it("nothing that cannot be is played: times that fall, lengths that lie, bytes before a stream", () => {
  const falls = readRecording(
    file([
      [1, 0],
      [2, 500, "a"],
      [2, 400, "b"],
      [5, 900],
    ]),
  );
  expect([falls.blocks.length, falls.length, falls.whole]).toEqual([2, 500, false]);
  const lies = file([
    [1, 0],
    [2, 10, "abc"],
  ]);
  new DataView(lies.buffer).setUint32(lies.length - 7, 0xffff_ffff);
  expect(readRecording(lies).blocks.length).toBe(1);
  expect(() => readRecording(file([[2, 0, "RFB"]]))).toThrow(/Nothing/);
  const short = readRecording(
    file([
      [1, 0],
      [3, 1, [0, 1]],
      [5, 2],
    ]),
  );
  expect([short.blocks.length, short.whole]).toEqual([1, false]);
  const newer = readRecording(
    file([
      [1, 0],
      [77, 1, "?"],
      [5, 2],
    ]),
  );
  expect([newer.blocks.length, newer.whole]).toEqual([1, true]);
});

it("what was done is one line of text, whatever it holds", () => {
  const { acts } = readRecording(
    file([
      [1, 0],
      [4, 1, `a\u0000\u202eb\n${"x".repeat(2000)}`],
      [5, 2],
    ]),
  );
  expect(acts[0]?.text).toMatch(/^a {2}b x+$/);
  expect(acts[0]?.text.length).toBe(400);
});

it("any damage to any byte is an error or a recording, never more than the file", () => {
  const whole = file(TWO);
  // Deterministic: the same damage each time.
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let times = 0; times < 2000; times += 1) {
    const damaged = whole.slice();
    damaged[random(damaged.length)] = random(256);
    damaged[random(damaged.length)] = random(256);
    try {
      const { blocks, acts } = readRecording(damaged);
      expect(blocks.length + acts.length).toBeLessThan(whole.length / 9);
    } catch (thrown) {
      expect((thrown as Error).message).toMatch(/recording|recorded|newer/);
    }
  }
});

const CAST = '{"version":2,"width":100,"height":30,"timestamp":1700000000}\n';

it("a terminal's recording is read, its sizes with it", () => {
  const cast = readCast(
    bytesOf(`${CAST}[0.5,"o","hi\\r\\n"]\n[1.25,"r","120x40"]\n[2,"i","x"]\n[3,"o","end"]\n`),
  );
  expect(cast).toMatchObject({ columns: 100, rows: 30, length: 3000, whole: true });
  expect(cast.events).toEqual([
    { at: 500, kind: "shown", text: "hi\r\n" },
    { at: 1250, kind: "sized", columns: 120, rows: 40 },
    { at: 3000, kind: "shown", text: "end" },
  ]);
});

it("a damaged line ends a terminal's recording, a size that cannot be is left out", () => {
  const cast = readCast(
    bytesOf(`${CAST}[1,"o","a"]\n[2,"r","99999x1"]\n[0.5,"o","b"]\n[3,"o"\n[4,"o","never"]\n`),
  );
  expect(cast.events).toEqual([
    { at: 1000, kind: "shown", text: "a" },
    { at: 1000, kind: "shown", text: "b" },
  ]);
  expect(cast.whole).toBe(false);
  expect(readCast(bytesOf(`{"version":2,"width":1e9}\n[1e300,"o","x"]\n`))).toMatchObject({
    columns: 80,
    events: [],
  });
  for (const bad of ["", "{}", '{"version":1}', "null", "[]"]) {
    expect(() => readCast(bytesOf(bad))).toThrow(/asciicast/);
  }
});

it("playing goes on, faster, to the end and no further; seeking shows that moment", () => {
  const show = vi.fn();
  const playback = new Playback({ length: 10_000, show });
  expect(show).toHaveBeenLastCalledWith(0, null);
  playback.speed = "4";
  playback.advance(1000);
  expect(show).toHaveBeenLastCalledWith(4000, 0);
  playback.seek(-5);
  expect(show).toHaveBeenLastCalledWith(0, 4000);
  playback.playing = true;
  playback.advance(9000);
  expect([playback.at, playback.playing]).toEqual([10_000, false]);
  expect([clock(0), clock(61_000), clock(3_723_000)]).toEqual(["0:00", "1:01", "1:02:03"]);
});

it("recordings are known by type, or by name where nobody said one", () => {
  expect(recordingKind("application/x-pilothouse-screen", "a")).toBe("screen");
  expect(recordingKind("application/octet-stream", "screen-1.rfbs")).toBe("screen");
  expect(recordingKind("application/x-asciicast; v=2", "a")).toBe("terminal");
  expect(recordingKind("text/plain", "terminal-1.cast")).toBe("terminal");
  expect(recordingKind("text/plain", "notes.txt")).toBeNull();
});

it("no desktop is larger than any display", () => {
  expect([fits(1920, 1080), fits(7680, 4320), fits(8192, 8192), fits(65_535, 1)]).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
