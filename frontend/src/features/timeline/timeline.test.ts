import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client } from "$/api/client";
import type { Moment, MomentKind } from "$/api/generated/proto";
import type { Connection } from "$/host/host";
import { heightOf } from "./lanes";
import { placeOf, scaleOf, since, ticksOf, timeAt } from "./scale";
import { Scrubbing } from "./scrubbing.svelte";
import { Then } from "./then.svelte";

const SECOND = 1_000_000;

function moment(seq: number, at: number, kind: MomentKind = "tool"): Moment {
  return { seq, at: at * SECOND, kind, label: `${kind} ${seq}`, diff: null };
}

const MOMENTS = [moment(2, 0, "phase"), moment(10, 5, "turn"), moment(20, 6), moment(40, 60, "end")];

function scrubbing(moments: Moment[] = MOMENTS): Scrubbing {
  const one = new Scrubbing(new Client("here", {} as Connection), "t", "r");
  one.moments = moments;
  one.ready = true;
  return one;
}

describe("the scale of a track", () => {
  it("places moments by time, and keeps those of a clock that jumped within", () => {
    const scale = scaleOf(0, 100 * SECOND);
    expect(placeOf(scale, 0)).toBe(0);
    expect(placeOf(scale, 50 * SECOND)).toBeCloseTo(0.495);
    expect(placeOf(scale, -5)).toBe(0);
    expect(timeAt(scale, placeOf(scale, 42 * SECOND))).toBeCloseTo(42 * SECOND);
  });

  it("has a length even when everything happened at once", () => {
    expect(placeOf(scaleOf(7, 7), 7)).toBe(0);
  });

  const rows: [length: number, most: number, labels: string[]][] = [
    [4, 5, ["0:00", "0:01", "0:02", "0:03", "0:04"]],
    [3600, 4, ["0:00", "30:00", "1:00:00"]],
    [36 * 3600, 4, ["0:00", "12:00:00", "24:00:00", "36:00:00"]],
  ];
  it.each(rows)("writes round times along %d seconds", (length, most, labels) => {
    expect(ticksOf(scaleOf(0, length * SECOND), most).map((tick) => tick.label)).toEqual(labels);
  });

  it("says a time since the beginning", () => {
    expect([since(7 * SECOND), since(750 * SECOND), since(7500 * SECOND)]).toEqual([
      "0:07",
      "12:30",
      "2:05:00",
    ]);
  });

  it("shows larger changes higher", () => {
    const change = (added: number) => ({ ...moment(1, 1, "change"), diff: { files: 1, added, removed: 0 } });
    expect(heightOf(change(10_000))).toBeGreaterThan(heightOf(change(3)));
    expect(heightOf(moment(1, 1))).toBe(1);
  });
});

describe("scrubbing", () => {
  it("begins at now, which comes after the last moment", () => {
    const scrub = scrubbing();
    expect([scrub.at, scrub.index, scrub.moment]).toEqual([null, 4, null]);
    scrub.step(-1);
    expect([scrub.at, scrub.moment?.kind]).toEqual([40, "end"]);
    scrub.step(1);
    expect(scrub.at).toBeNull();
  });

  it("stays within the run", () => {
    const scrub = scrubbing();
    scrub.step(-100);
    expect(scrub.at).toBe(2);
    scrub.step(100);
    expect(scrub.at).toBeNull();
  });

  it("finds the moment before a position of the journal that is none itself", () => {
    const scrub = scrubbing();
    scrub.at = 25;
    expect(scrub.moment?.seq).toBe(20);
    scrub.at = 1;
    expect(scrub.moment?.seq).toBe(2);
  });

  it("finds the moment nearest in time", () => {
    const scrub = scrubbing();
    scrub.toTime(5.4 * SECOND);
    expect(scrub.at).toBe(10);
    scrub.toTime(50 * SECOND);
    expect(scrub.at).toBe(40);
    scrub.toTime(99 * SECOND);
    expect(scrub.at).toBeNull();
  });

  it("survives a run without moments", () => {
    const scrub = scrubbing([]);
    scrub.step(1);
    scrub.toTime(5);
    scrub.play();
    expect([scrub.at, scrub.playing]).toEqual([null, false]);
  });
});

describe("playing", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("goes from the first moment to now, and stops there", () => {
    const scrub = scrubbing();
    scrub.speed = "8";
    scrub.play();
    const seen: (number | null)[] = [scrub.at];
    while (scrub.playing) {
      vi.advanceTimersToNextTimer();
      seen.push(scrub.at);
    }
    expect(seen).toEqual([2, 10, 20, 40, null]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("goes through a recording by the clock, as fast as it is played", () => {
    const scrub = scrubbing();
    // Between the third moment and the last, with nothing in the journal.
    scrub.spans = [{ from: 10 * SECOND, to: 18 * SECOND }];
    scrub.to(2);
    scrub.speed = "4";
    scrub.play();
    vi.advanceTimersByTime(230);
    expect([scrub.at, scrub.time]).toEqual([20, 10 * SECOND]);
    vi.advanceTimersByTime(1000);
    expect(scrub.at).toBe(20);
    expect((scrub.time ?? 0) / SECOND).toBeCloseTo(14, 0);
    vi.advanceTimersByTime(1100);
    expect([scrub.at, scrub.time]).toEqual([40, 60 * SECOND]);
    while (scrub.playing) vi.advanceTimersToNextTimer();
    expect([scrub.at, scrub.time]).toEqual([null, null]);
  });

  it("is scrubbed to any time of a recording, with what had happened by then", () => {
    const scrub = scrubbing();
    scrub.spans = [{ from: 4 * SECOND, to: 30 * SECOND }];
    scrub.toTime(5.8 * SECOND);
    expect([scrub.at, scrub.time]).toEqual([10, 5.8 * SECOND]);
    scrub.toTime(29 * SECOND);
    expect([scrub.at, scrub.time]).toEqual([20, 29 * SECOND]);
    scrub.step(-1);
    expect([scrub.at, scrub.time]).toEqual([20, 6 * SECOND]);
    scrub.toTime(50 * SECOND);
    expect([scrub.at, scrub.time]).toEqual([40, 60 * SECOND]);
  });

  it("stops when a person takes over", () => {
    const scrub = scrubbing();
    scrub.play();
    scrub.step(1);
    expect([scrub.playing, vi.getTimerCount()]).toEqual([false, 0]);
  });

  it("shows what was asked for last, however the answers come", async () => {
    const answers: (() => void)[] = [];
    const call = (_: string, path: string) =>
      new Promise<string>((resolve) => {
        const at = new URLSearchParams(path.split("?")[1]).get("at") ?? "now";
        const body = path.includes("/log")
          ? { run: "r", first: 0, lines: [{ line: 0, at: 0, stream: "stdout", text: `at ${at}` }], total: 1 }
          : path.includes("/diff")
            ? { number: 1, base: "b", head: "h", files: {} }
            : { run: "r", records: [], end: { epoch: 1, seq: 1 } };
        answers.push(() => resolve(JSON.stringify(body)));
      });
    const then = new Then(new Client("here", { call } as unknown as Connection), "t", "r");
    then.show(5);
    await vi.runAllTimersAsync();
    then.show(9);
    await vi.runAllTimersAsync();
    for (const answer of answers.toReversed()) answer();
    await vi.runAllTimersAsync();
    expect(then.lines.map((line) => line.text)).toEqual(["at 9"]);
    expect(then.busy).toBe(false);
  });
});
