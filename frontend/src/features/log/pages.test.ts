import { describe, expect, it } from "vitest";
import type { LogPage, LogText } from "$/api/generated/proto";
import { PAGE_LINES, Pages } from "./pages";

function line(number: number, text = `line ${number}`): LogText {
  return { line: number, at: number, stream: "stdout", text };
}

/** A log of so many lines whose answers come when the test says so. */
class Log {
  asked: [number, number][] = [];
  #waiting: (() => void)[] = [];
  arrived = 0;
  failures: unknown[] = [];
  clock = 0;
  readonly pages: Pages;

  constructor(
    public total: number,
    readonly most = PAGE_LINES,
    readonly text = (number: number) => `line ${number}`,
  ) {
    this.pages = new Pages(
      (from, lines) => this.#read(from, lines),
      { arrived: () => (this.arrived += 1), failed: (problem) => this.failures.push(problem) },
      () => this.clock,
    );
  }

  fail = false;

  #read(from: number, lines: number): Promise<LogPage> {
    this.asked.push([from, lines]);
    const end = Math.min(from + Math.min(lines, this.most), this.total);
    const numbers = Array.from({ length: Math.max(0, end - from) }, (_, index) => from + index);
    const page: LogPage = {
      run: null,
      first: from,
      lines: numbers.map((number) => line(number, this.text(number))),
      total: this.total,
      cursor: { epoch: 1, seq: 1 },
    };
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => (this.fail ? reject(new Error("away")) : resolve(page)));
    });
  }

  /** Answers everything, also what is asked for because of it. */
  async answer(): Promise<void> {
    while (this.#waiting.length > 0) {
      for (const answer of this.#waiting.splice(0)) answer();
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    }
  }
}

describe("the pages of a log", () => {
  it("are read where somebody looks", async () => {
    const log = new Log(1_000_000);
    log.pages.want(499_990, 500_030, 1_000_000);
    expect(log.pages.line(500_000)).toBeUndefined();
    await log.answer();
    expect(log.asked).toEqual([
      [499_500, 500],
      [500_000, 500],
    ]);
    expect(log.pages.line(500_000)?.text).toBe("line 500000");
    log.pages.want(499_990, 500_030, 1_000_000);
    expect(log.asked.length, "what is there is not asked for again").toBe(2);
  });

  it("that were flung past are never asked for", async () => {
    const log = new Log(1_000_000);
    for (let first = 0; first < 900_000; first += 10_000) log.pages.want(first, first + 50, 1_000_000);
    await log.answer();
    expect(log.asked).toEqual([
      [0, 500],
      [10_000, 500],
      [890_000, 500],
    ]);
  });

  it("are let go of when there are many", async () => {
    const log = new Log(1_000_000);
    for (let first = 0; first < 100_000; first += 500) {
      log.pages.want(first, first + 50, 1_000_000);
      await log.answer();
    }
    expect(log.pages.held).toBe(20_000);
    expect(log.pages.line(99_000)).toBeDefined();
    expect(log.pages.line(0)).toBeUndefined();
  });

  it("that end early because their lines are long are read to their end", async () => {
    const log = new Log(2000, 120);
    log.pages.want(500, 900, 2000);
    await log.answer();
    expect(log.asked).toEqual([
      [500, 500],
      [620, 380],
      [740, 260],
      [860, 140],
      [980, 20],
    ]);
    expect(log.pages.line(999)?.text).toBe("line 999");
  });

  it("grow by lines that come by themselves", async () => {
    const log = new Log(510);
    log.pages.want(500, 509, 510);
    await log.answer();
    log.pages.grew([line(510), line(511)]);
    expect(log.pages.line(511)?.text).toBe("line 511");
    log.pages.grew([line(1000), line(1001)]);
    expect(log.pages.line(1001), "a page may begin with them").toBeDefined();
    log.pages.grew([line(700)]);
    expect(log.pages.line(700), "what would leave a hole is left to be read").toBeUndefined();
    log.total = 1002;
    log.pages.want(600, 720, 1002);
    await log.answer();
    expect(log.asked.at(-1), "only what is missing").toEqual([512, 488]);
    expect(log.pages.line(700)).toBeDefined();
  });

  it("carry colours from line to line and from page to page, but not through the runner's words", async () => {
    const log = new Log(1500, PAGE_LINES, (number) => (number === 499 ? "\x1b[31mred" : `line ${number}`));
    log.pages.want(500, 520, 1500);
    await log.answer();
    expect(log.pages.look(500)?.[0]?.style.fg, "what comes before is not known").toBeNull();
    log.pages.want(490, 510, 1500);
    await log.answer();
    expect(log.pages.look(499)?.[0]?.style.fg).toBe(1);
    expect(log.pages.look(510)?.[0]?.style.fg).toBe(1);
    log.pages.grew([{ ...line(1000, "said by the runner"), stream: "pilot" }, line(1001)]);
    log.pages.look(999);
    expect(log.pages.look(1000)?.[0]?.style.fg).toBeNull();
  });

  it("that cannot be read are tried again after a while, not at once", async () => {
    const log = new Log(1000);
    log.fail = true;
    log.pages.want(0, 50, 1000);
    await log.answer();
    expect(log.failures.length).toBe(1);
    log.pages.want(0, 50, 1000);
    expect(log.asked.length).toBe(1);
    log.clock = 3000;
    log.fail = false;
    log.pages.want(0, 50, 1000);
    await log.answer();
    expect(log.pages.line(0)).toBeDefined();
  });

  it("give a range for copying, also what was never seen, up to a bound", async () => {
    const log = new Log(30_000, 10_000);
    log.pages.want(0, 50, 30_000);
    await log.answer();
    const whole = log.pages.range(10, 20_009, 100_000);
    await log.answer();
    expect((await whole).map((one) => one.line)).toEqual(Array.from({ length: 20_000 }, (_, at) => at + 10));
    const some = log.pages.range(0, 29_999, 100);
    await log.answer();
    expect((await some).length).toBe(100);
  });
});
