import { describe, expect, it } from "vitest";
import { Client } from "$/api/client";
import { fault } from "$/api/errors";
import { Live } from "$/api/live";
import type { JournalEvent, JournalRecord } from "$/api/generated/proto";
import type { Connection } from "$/host/host";
import { KeptFiles } from "$/state/kept-files.svelte";
import { lastPart, lookOf, rescueCommand } from "./look";

function record(seq: number, event: object): JournalRecord {
  return { epoch: 1, seq, at: seq * 1000, event: event as JournalEvent };
}

function artifact(seq: number, name: string): JournalRecord {
  return record(seq, { type: "artifact", name, media_type: "text/plain", blob: `b${seq}`, size: seq });
}

/** A hub with a journal, which tells it two records at a time. */
function hub(journal: JournalRecord[], failing = { times: 0 }): [Client, Live] {
  const connection = {
    call: (_: string, path: string) => {
      if (failing.times > 0) {
        failing.times -= 1;
        return Promise.reject(fault("repository_unreachable", "The hub cannot be reached."));
      }
      const before = Number(new URLSearchParams(path.split("?")[1]).get("before"));
      const records = journal.filter((one) => one.seq < before).slice(-2);
      return Promise.resolve(JSON.stringify({ run: "r", records, end: { epoch: 1, seq: journal.length } }));
    },
    live: () => ({ send: () => undefined, close: () => undefined }),
  } as unknown as Connection;
  const events = { up: () => undefined, down: () => undefined, behind: () => undefined };
  return [new Client("here", connection), new Live(connection, events)];
}

const JOURNAL = [
  artifact(1, "report.txt"),
  record(2, { type: "thinking", text: "hm" }),
  artifact(3, "a/shot.png"),
  artifact(4, "report.txt"),
  record(5, { type: "rescued", bundle: "bb", size: 9, reference: "refs/pilot/x" }),
];

describe("what a run left", () => {
  it("is found in the whole journal, newest of a name first", async () => {
    const kept = new KeptFiles(...hub(JOURNAL), "t", "r");
    await kept.read();
    expect(kept.ready).toBe(true);
    expect(kept.files.map((file) => [file.name, file.blob, file.earlier.map((one) => one.blob)])).toEqual([
      ["a/shot.png", "b3", []],
      ["report.txt", "b4", ["b1"]],
    ]);
    expect(kept.rescued?.reference).toBe("refs/pilot/x");
  });

  it("goes on where a lost hub stopped it", async () => {
    const failing = { times: 1 };
    const kept = new KeptFiles(...hub(JOURNAL, failing), "t", "r");
    await kept.read();
    expect([kept.ready, kept.problem?.code]).toEqual([false, "repository_unreachable"]);
    await kept.read();
    expect([kept.ready, kept.seen]).toEqual([true, 5]);
  });

  it("takes what comes while one looks", async () => {
    const kept = new KeptFiles(...hub(JOURNAL), "t", "r");
    await kept.read();
    kept.take([artifact(6, "report.txt")]);
    expect(kept.files.at(-1)).toMatchObject({ blob: "b6", earlier: [{ blob: "b4" }, { blob: "b1" }] });
  });

  it("says when the screen was recorded, and how far on in which recording a time is", async () => {
    const screen = (seq: number, event: object) => record(seq, { type: "screen", ...event });
    const journal = [
      screen(10, { what: "recording_began", name: "screen-1.rfbs", who: null }),
      screen(20, { what: "recording_ended", name: "screen-1.rfbs", millis: 10 }),
      artifact(21, "screen-1.rfbs"),
      // It goes on: there is nothing to show yet.
      screen(30, { what: "recording_began", name: "screen-2.rfbs", who: "ada" }),
    ];
    const kept = new KeptFiles(...hub(journal), "t", "r");
    await kept.read();
    expect(kept.spans).toEqual([{ from: 10_000, to: 20_000 }]);
    expect(kept.screenAt(14_000)).toMatchObject({ file: { blob: "b21" }, offset: 4 });
    expect([kept.screenAt(9000), kept.screenAt(21_000), kept.screenAt(31_000)]).toEqual([null, null, null]);
  });
});

describe("a look at a file", () => {
  const rows: [type: string, size: number, look: string][] = [
    ["image/png", 100, "image"],
    ["image/png", 90_000_000, "none"],
    ["image/svg+xml", 100, "text"],
    ["text/html; charset=utf-8", 100, "text"],
    ["application/json", 100, "text"],
    ["application/octet-stream", 100, "none"],
    ["text/plain", 90_000_000, "none"],
  ];
  it.each(rows)("%s of %d bytes: %s", (type, size, look) => {
    expect(lookOf(type, size)).toBe(look);
  });

  it("names a download and the rescue by what a person types", () => {
    expect(lastPart("shots/one.png")).toBe("one.png");
    expect(rescueCommand("x.bundle", "refs/pilot/rescue", "pilot/fix")).toBe(
      "git fetch ./x.bundle refs/pilot/rescue:pilot/fix-rescued",
    );
  });
});
