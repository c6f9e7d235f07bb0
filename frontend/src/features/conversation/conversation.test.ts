import { beforeEach, describe, expect, it } from "vitest";
import { fault } from "$/api/errors";
import { Client } from "$/api/client";
import { Live } from "$/api/live";
import type { JournalEvent, JournalRecord, Run, RunnerSeen, Task } from "$/api/generated/proto";
import type { Connection, FrameEvents } from "$/host/host";
import { Composing } from "./composing.svelte";
import { Feed } from "./feed.svelte";
import { deliveryOf, hears, waitsFor } from "./standing";
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

describe("saying something", () => {
  beforeEach(() => localStorage.clear());

  it("keeps what was typed until the hub has taken it", async () => {
    const hub = new Hub();
    hub.refuses = 1;
    const composing = new Composing(hub.client, "t");
    composing.draft.text = "also the tests";
    expect(await composing.send("after_turn")).toBe(false);
    expect([composing.lost, new Composing(hub.client, "t").draft.text]).toEqual([true, "also the tests"]);
    expect(await composing.send("after_turn")).toBe(true);
    expect([composing.draft.text, composing.problem]).toEqual(["", null]);
  });

  it("queues before it interrupts, so that neither can be lost", async () => {
    const hub = new Hub();
    const composing = new Composing(hub.client, "t");
    composing.draft.text = "stop, other way";
    await composing.send("interrupting");
    expect(hub.asked).toEqual(["say", "interrupt"]);
  });

  it("does not send nothing", async () => {
    const hub = new Hub();
    const composing = new Composing(hub.client, "t");
    composing.draft.text = "  \n";
    expect([await composing.send("after_turn"), hub.asked.length]).toEqual([false, 0]);
  });

  it("says whether it is to be heard at once", async () => {
    const hub = new Hub();
    const composing = new Composing(hub.client, "t");
    composing.draft.text = "left, not right";
    await composing.send("now");
    composing.draft.text = "later";
    await composing.send("after_turn");
    expect(hub.sent.map((body) => JSON.parse(body) as unknown)).toEqual([
      { text: "left, not right", now: true },
      { text: "later" },
    ]);
  });

  it("takes back what waits, and puts it where it can be changed", async () => {
    const hub = new Hub();
    const composing = new Composing(hub.client, "t");
    const said = { word: "o1", text: "also the tests", at: 1, now: false, waits: "turn" } as const;
    expect(await composing.takeBack(said, false)).toBe(true);
    expect(composing.draft.text).toBe("");
    expect(await composing.takeBack(said, true)).toBe(true);
    expect([hub.asked, composing.draft.text]).toEqual([["unsay", "unsay"], "also the tests"]);
    hub.refuses = 1;
    composing.draft.clear();
    expect(await composing.takeBack(said, true)).toBe(false);
    expect(composing.draft.text).toBe("");
  });

  it("knows from the runner whether the agent hears in mid-turn", () => {
    const runner = (steer: boolean) =>
      ({
        id: "m1",
        about: { agents: [{ name: "claude", abilities: { steer } }] },
      }) as unknown as RunnerSeen;
    const runs = [{ id: "r1", runner: "m1" }] as unknown as Run[];
    const claude = task({ agent: "claude" });
    expect(hears(claude, runs, [runner(true)])).toBe(true);
    expect(hears(claude, runs, [runner(false)])).toBe(false);
    expect(hears(task({ agent: "gemini" }), runs, [runner(true)])).toBe(false);
    expect(hears(claude, [], [runner(true)])).toBe(false);
  });

  it("says what a message waits for", () => {
    const said = { word: "o1", text: "x", at: 1, now: false, waits: "turn" } as const;
    expect(waitsFor(said)).toBe("Queued for the end of the turn");
    expect(waitsFor({ ...said, now: true })).toBe("On its way");
    expect(waitsFor({ ...said, waits: "run" })).toBe("Not heard yet: the next run is told");
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
