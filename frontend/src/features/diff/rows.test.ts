import { describe, expect, it } from "vitest";
import type { DiffRow, FileDiff } from "$/api/generated/proto";
import { PAGE_ROWS, RowStore } from "./rows";

function same(number: number): DiffRow {
  return { row: "same", old: number + 1, new: number + 1, text: `row ${number}` };
}

function answer(first: number, rows: DiffRow[]): FileDiff {
  return { first_row: first, rows, total_rows: 1_000_000 } as FileDiff;
}

class Hub {
  asked: [number, number, number | null][] = [];
  waiting: (() => void)[] = [];
  fail = false;
  clock = 0;
  arrived: number[][] = [];
  failures = 0;
  readonly store = new RowStore(
    (first, rows, context) => {
      this.asked.push([first, rows, context]);
      const all = Array.from({ length: rows }, (_, at) => same(first + at));
      return new Promise((resolve, reject) => {
        this.waiting.push(() => (this.fail ? reject(new Error("away")) : resolve(answer(first, all))));
      });
    },
    (numbers) => this.arrived.push(numbers),
    () => (this.failures += 1),
    () => this.clock,
  );

  want(first: number, last: number, folded = () => false): void {
    this.store.want(
      Array.from({ length: last - first }, (_, at) => first + at),
      5,
      folded,
    );
  }

  async answer(): Promise<void> {
    while (this.waiting.length > 0) {
      for (const go of this.waiting.splice(0)) go();
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    }
  }
}

describe("the rows of a file", () => {
  it("stand where the answer says, past what is folded", () => {
    const { store } = new Hub();
    const fold: DiffRow = { row: "folded", first_row: 12, rows: 88 };
    expect(store.take(answer(10, [same(10), same(11), fold, same(100)]))).toEqual([10, 11, 100]);
    expect(store.row(100)).toEqual(same(100));
    expect(store.row(50)).toBeUndefined();
  });

  it("are asked for once, in pages from the first that is missing", async () => {
    const hub = new Hub();
    hub.want(1000, 1080);
    hub.want(1000, 1080);
    expect(hub.asked).toEqual([[1000, PAGE_ROWS, 5]]);
    await hub.answer();
    hub.want(1300, 1500);
    await hub.answer();
    expect(hub.asked.slice(1)).toEqual([[1400, PAGE_ROWS, 5]]);
  });

  it("that were scrolled past are not asked for", async () => {
    const hub = new Hub();
    for (let first = 0; first < 300_000; first += 5000) hub.want(first, first + 60);
    await hub.answer();
    expect(hub.asked.map(([first]) => first)).toEqual([0, 5000, 295_000]);
  });

  it("that were unfolded by hand are asked for without folding", () => {
    const hub = new Hub();
    hub.want(500, 520, () => true);
    expect(hub.asked).toEqual([[500, PAGE_ROWS, null]]);
  });

  it("are let go of when there are very many", async () => {
    const hub = new Hub();
    for (let first = 0; first < 100_000; first += PAGE_ROWS) {
      hub.want(first, first + 60);
      await hub.answer();
    }
    expect(hub.store.held).toBeLessThanOrEqual(30_000);
    expect(hub.store.row(99_999)).toBeDefined();
  });

  it("that cannot be read are tried again after a while", async () => {
    const hub = new Hub();
    hub.fail = true;
    hub.want(0, 10);
    await hub.answer();
    hub.want(0, 10);
    expect([hub.failures, hub.asked.length]).toEqual([1, 1]);
    hub.clock = 2500;
    hub.fail = false;
    hub.want(0, 10);
    await hub.answer();
    expect(hub.store.row(0)).toBeDefined();
  });

  it("of an answer to an earlier question are dropped", async () => {
    const hub = new Hub();
    hub.want(0, 10);
    hub.store.clear();
    await hub.answer();
    expect([hub.store.held, hub.arrived.length]).toEqual([0, 0]);
  });
});
