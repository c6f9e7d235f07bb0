import { beforeEach, describe, expect, it } from "vitest";
import { fault } from "$/api/errors";
import { Client } from "$/api/client";
import { Live } from "$/api/live";
import type { JournalEvent, JournalRecord, Task } from "$/api/generated/proto";
import type { Connection, FrameEvents } from "$/host/host";
import type { Entry } from "$/parts/conversation/entries.svelte";
import { Composing } from "./composing.svelte";
import { Feed } from "./feed.svelte";
import { Said } from "./said.svelte";
import { deliveryOf } from "./standing";
import { atEnd, downwards, grown, MOST, shifted, STEP, upwards } from "./window";

const text = (seq: number): JournalRecord => ({
  epoch: 1,
  seq,
  at: seq,
  event: { type: "text", text: `t${seq}` } as JournalEvent,
});

/** A hub with one journal, of which a page has four records. */
class Hub {
  journal: JournalRecord[] = [];
  asked: string[] = [];
  refuses = 0;
  sent: string[] = [];
  #events: FrameEvents | null = null;

  readonly connection = {
    call: (method: string, path: string, body?: string) => {
      this.asked.push(path.split("?")[0]?.split("/").at(-1) ?? "");
      if (this.refuses > 0) {
        this.refuses -= 1;
        return Promise.reject(fault("repository_unreachable", "The hub cannot be reached."));
      }
      if (method === "POST") {
        if (body !== undefined) this.sent.push(body);
        return Promise.resolve("{}");
      }
      const before = Number(new URLSearchParams(path.split("?")[1]).get("before"));
      const records = this.journal.filter((one) => one.seq < before).slice(-4);
      const seq = this.journal.at(-1)?.seq ?? 0;
      return Promise.resolve(JSON.stringify({ run: "r", records, end: { epoch: 1, seq } }));
    },
    live: (events: FrameEvents) => {
      this.#events = events;
      return { send: (message: string) => this.sent.push(message), close: () => undefined };
    },
  } as unknown as Connection;

  readonly client = new Client("here", this.connection);
  readonly live = new Live(this.connection, { up: () => {}, down: () => {}, behind: () => {} });

  open(): void {
    this.live.start();
    this.#events?.opened();
  }

  tell(...records: JournalRecord[]): void {
    this.#events?.frames([JSON.stringify({ type: "records", watch: 1, records, end: false })]);
  }
}

const keys = (feed: Feed) => feed.fold.entries.map((entry) => entry.key);
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

describe("the feed of a conversation", () => {
  it("begins at the end, reads older pages on demand and knows when there are none", async () => {
    const hub = new Hub();
    hub.journal = [1, 2, 3, 4, 5, 6, 7].map(text);
    const feed = new Feed(hub.client, hub.live, "t", "r");
    await feed.start();
    expect([feed.ready, keys(feed)]).toEqual([true, [4, 5, 6, 7]]);
    expect(await feed.older()).toBe(true);
    expect(keys(feed)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect([await feed.older(), feed.whole]).toEqual([false, true]);
    expect(await feed.older()).toBe(false);
    expect(hub.asked.length).toBe(3);
  });

  it("watches from where its first page ended, so that nothing is lost or twice", async () => {
    const hub = new Hub();
    hub.open();
    hub.journal = [1, 2, 3].map(text);
    const feed = new Feed(hub.client, hub.live, "t", "r");
    await feed.start();
    expect(JSON.parse(hub.sent.at(-1) ?? "")).toMatchObject({
      type: "watch_journal",
      after: 3,
      part: "conversation",
    });
    hub.tell(text(3), text(4));
    hub.tell(text(5));
    await frame();
    expect(keys(feed)).toEqual([1, 2, 3, 4, 5]);
    feed.stop();
    expect(JSON.parse(hub.sent.at(-1) ?? "")).toMatchObject({ type: "unwatch" });
  });

  it("keeps what it has when an older page cannot be read, and reads it later", async () => {
    const hub = new Hub();
    hub.journal = [1, 2, 3, 4, 5].map(text);
    const feed = new Feed(hub.client, hub.live, "t", "r");
    await feed.start();
    hub.refuses = 1;
    expect(await feed.older()).toBe(false);
    expect([feed.problem?.code, keys(feed).length]).toEqual(["repository_unreachable", 4]);
    expect(await feed.older()).toBe(true);
    expect([feed.problem, keys(feed).length]).toEqual([null, 5]);
  });

  it("begins once the hub is there", async () => {
    const hub = new Hub();
    hub.journal = [text(1)];
    hub.refuses = 1;
    const feed = new Feed(hub.client, hub.live, "t", "r");
    await feed.start();
    expect(feed.ready).toBe(false);
    await feed.start();
    expect([feed.ready, feed.problem]).toEqual([true, null]);
  });
});

describe("the entries that exist", () => {
  it("are never more than the most, however far one scrolls", () => {
    let stretch = atEnd(5000);
    expect(stretch).toEqual({ from: 5000 - STEP, to: 5000 });
    for (let step = 0; step < 20; step += 1) stretch = upwards(stretch);
    expect(stretch.to - stretch.from).toBe(MOST);
    for (let step = 0; step < 20; step += 1) stretch = downwards(stretch, 5000);
    expect(stretch).toEqual({ from: 5000 - MOST, to: 5000 });
  });

  it("go along with the end while one follows, and stay where one reads", () => {
    expect(grown({ from: 0, to: 100 }, 100, 105, true)).toEqual({ from: 0, to: 105 });
    expect(grown({ from: 0, to: MOST }, MOST, MOST + 5, true)).toEqual({ from: 5, to: MOST + 5 });
    expect(grown({ from: 0, to: MOST }, MOST, MOST + 5, false)).toEqual({ from: 0, to: MOST });
    expect(grown({ from: 10, to: 50 }, 100, 105, false)).toEqual({ from: 10, to: 50 });
  });

  it("move when older ones come before them", () => {
    expect(shifted({ from: 0, to: 10 }, 7)).toEqual({ from: 7, to: 17 });
  });
});

const task = (fields: object) => ({ run: "r1", ...fields }) as unknown as Task;
const turn = (key: number, prompt: string): Entry => ({ kind: "turn", key, at: key, turn: 1, prompt });

describe("saying something", () => {
  beforeEach(() => localStorage.clear());

  it("keeps what was typed until the hub has taken it", async () => {
    const hub = new Hub();
    hub.refuses = 1;
    const composing = new Composing(hub.client, "t");
    composing.draft.text = "also the tests";
    expect(await composing.send(task({}), 9, false)).toBe(false);
    expect([composing.lost, new Composing(hub.client, "t").draft.text]).toEqual([true, "also the tests"]);
    expect(await composing.send(task({}), 9, false)).toBe(true);
    expect([composing.draft.text, composing.problem]).toEqual(["", null]);
    expect(composing.said.waiting.map((one) => one.text)).toEqual(["also the tests"]);
  });

  it("queues before it interrupts, so that neither can be lost", async () => {
    const hub = new Hub();
    const composing = new Composing(hub.client, "t");
    composing.draft.text = "stop, other way";
    await composing.send(task({}), 9, true);
    expect(hub.asked).toEqual(["say", "interrupt"]);
  });

  it("does not send nothing", async () => {
    const hub = new Hub();
    const composing = new Composing(hub.client, "t");
    composing.draft.text = "  \n";
    expect([await composing.send(task({}), 0, false), hub.asked.length]).toEqual([false, 0]);
  });

  it("waits until a later turn begins with it, across reloads and runs", () => {
    const said = new Said("t");
    said.add({ text: "more", at: Date.now(), run: "r1", after: 9 });
    const again = new Said("t");
    again.heard("r1", [turn(5, "more"), turn(12, "other")]);
    expect(again.waiting.length).toBe(1);
    again.heard("r1", [turn(12, "more")]);
    expect([again.waiting.length, new Said("t").waiting.length]).toEqual([0, 0]);
    said.heard("r2", [turn(2, "Go on.\n\nmore")]);
    expect(said.waiting).toEqual([]);
  });

  it("puts an earlier message above what is typed, once", () => {
    const composing = new Composing(new Hub().client, "t");
    composing.draft.text = "typed";
    composing.again("earlier");
    expect(composing.draft.text).toBe("earlier\n\ntyped");
    composing.draft.text = "earlier";
    composing.again("earlier");
    expect(composing.draft.text).toBe("earlier");
  });

  const rows: [what: string, fields: object, verb: string, canInterrupt: boolean][] = [
    ["at work", { state: "working", phase: "agent_running" }, "Queue", true],
    ["being set up", { state: "working", phase: "setting_up" }, "Queue", false],
    ["waiting for an answer", { state: "needs_you", need: "question" }, "Queue", true],
    ["interrupted", { state: "needs_you", need: "interrupted" }, "Go on with this", false],
    ["in the queue", { state: "queued" }, "Add", false],
    ["held for a look", { state: "ready" }, "Send", false],
    ["in review", { state: "in_review" }, "Continue with this", false],
    ["over", { state: "failed" }, "Continue with this", false],
  ];
  it.each(rows)("says what becomes of it when the task is %s", (_, fields, verb, canInterrupt) => {
    expect(deliveryOf(task(fields))).toMatchObject({ verb, canInterrupt });
  });
});
