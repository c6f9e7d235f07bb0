import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { FrameEvents } from "$/host/host";
import type { FromConsole, JournalRecord, Problem, ToConsole } from "./generated/proto";
import { Live } from "./live";

/** A hub at the other end: what it was asked, and what it says. */
class FakeHub {
  dialled: { events: FrameEvents; asked: FromConsole[]; closed: boolean }[] = [];

  connection = {
    call: () => Promise.reject(new Error("not used")),
    download: () => Promise.reject(new Error("not used")),
    bytes: () => Promise.reject(new Error("not used")),
    objectUrl: () => Promise.reject(new Error("not used")),
    tunnel: () => ({ send: () => undefined, say: () => undefined, close: () => undefined }),
    live: (events: FrameEvents) => {
      const line = { events, asked: [] as FromConsole[], closed: false };
      this.dialled.push(line);
      return {
        send: (text: string) => void line.asked.push(JSON.parse(text) as FromConsole),
        close: () => (line.closed = true),
      };
    },
  };

  get line() {
    const line = this.dialled.at(-1);
    if (!line) throw new Error("nobody has dialled");
    return line;
  }

  say(...messages: ToConsole[]): void {
    this.line.events.frames(messages.map((message) => JSON.stringify(message)));
  }
}

const record = (seq: number): JournalRecord =>
  ({ seq, epoch: 1, at: seq, event: { type: "snapshot" } }) as never;

let hub: FakeHub;
let live: Live;
let told: { up: number; down: (Problem | null)[]; behind: number[] };

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(1);
  hub = new FakeHub();
  told = { up: 0, down: [], behind: [] };
  live = new Live(hub.connection, {
    up: () => (told.up += 1),
    down: (problem) => told.down.push(problem),
    behind: (by) => told.behind.push(by),
  });
});

afterEach(() => {
  live.stop();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function watchJournal(after = 0) {
  const seen: number[] = [];
  const off = live.watchJournal("run", after, "conversation" as never, {
    records: (records) => seen.push(...records.map(({ seq }) => seq)),
    ended: () => undefined,
  });
  return { seen, off };
}

it("asks for what is watched once the line stands, not before", () => {
  live.start();
  watchJournal(7);
  expect(hub.line.asked).toEqual([]);
  hub.line.events.opened();
  expect(told.up).toBe(1);
  expect(hub.line.asked).toMatchObject([{ type: "watch_journal", run: "run", after: 7 }]);
});

it("goes on after a lost line where it was, and drops what comes twice", () => {
  live.start();
  const { seen } = watchJournal();
  hub.line.events.opened();
  hub.say({ type: "records", watch: 1, records: [record(1), record(2), record(3)], end: false });
  hub.line.events.closed(null);
  vi.advanceTimersByTime(300);
  expect(hub.dialled).toHaveLength(2);
  hub.line.events.opened();
  expect(hub.line.asked).toMatchObject([{ type: "watch_journal", after: 3 }]);
  hub.say({ type: "records", watch: 1, records: [record(2), record(3), record(4)], end: false });
  hub.say({ type: "records", watch: 1, records: [record(4)], end: false });
  expect(seen).toEqual([1, 2, 3, 4]);
});

it("waits longer after each failure, up to a bound, and afresh once it stood", () => {
  live.start();
  for (const wait of [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]) {
    const before = hub.dialled.length;
    hub.line.events.closed(null);
    vi.advanceTimersByTime(wait - 1);
    expect(hub.dialled).toHaveLength(before);
    vi.advanceTimersByTime(1);
    expect(hub.dialled).toHaveLength(before + 1);
  }
  hub.line.events.opened();
  hub.line.events.closed(null);
  const before = hub.dialled.length;
  vi.advanceTimersByTime(250);
  expect(hub.dialled).toHaveLength(before + 1);
});

it("dials at once when nudged, and not twice", () => {
  live.start();
  live.nudge();
  expect(hub.dialled).toHaveLength(1);
  hub.line.events.closed(null);
  live.nudge();
  vi.advanceTimersByTime(60_000);
  expect(hub.dialled).toHaveLength(2);
});

it("takes nothing from a line that was given up", () => {
  live.start();
  const { seen } = watchJournal();
  const old = hub.line;
  old.events.opened();
  old.events.closed(null);
  vi.advanceTimersByTime(300);
  hub.line.events.opened();
  old.events.frames([JSON.stringify({ type: "records", watch: 1, records: [record(9)], end: false })]);
  old.events.closed(null);
  expect(seen).toEqual([]);
  expect(told.down).toHaveLength(1);
});

it("is not put off by frames that it cannot read", () => {
  live.start();
  const { seen } = watchJournal();
  hub.line.events.opened();
  hub.line.events.frames(["no JSON", JSON.stringify({ type: "of a newer hub", watch: 1 })]);
  hub.say({ type: "records", watch: 1, records: [record(1)], end: false });
  expect(seen).toEqual([1]);
});

it("says how far the hub is ahead, and stops what is not watched any more", () => {
  live.start();
  const { off, seen } = watchJournal();
  hub.line.events.opened();
  hub.say({ type: "behind", watch: 1, by: 40, after: 3 });
  expect(told.behind).toEqual([40]);
  off();
  expect(hub.line.asked.at(-1)).toEqual({ type: "unwatch", watch: 1 });
  hub.say({ type: "records", watch: 1, records: [record(1)], end: false });
  expect(seen).toEqual([]);
});

it("does not dial again once it is stopped", () => {
  live.start();
  hub.line.events.closed(null);
  live.stop();
  vi.advanceTimersByTime(60_000);
  expect(hub.dialled).toHaveLength(1);
});
