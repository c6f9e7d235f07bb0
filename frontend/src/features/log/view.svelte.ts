// One log, as it is looked at: how long it is, which lines are there, and how
// it grows. Rows ask for lines; what comes later is shown when it comes.

import type { Client } from "$/api/client";
import { asProblem } from "$/api/errors";
import type { Live } from "$/api/live";
import type { LogPage, LogText, Problem } from "$/api/generated/proto";
import type { Span } from "$/parts/terminal/ansi";
import { PAGE_LINES, Pages } from "./pages";

export interface Which {
  task: string;
  run: string | null;
  /** As it was at this sequence number of the journal. */
  at: number | null;
}

export class LogView {
  total = $state(0);
  /** Rises whenever lines have come. */
  version = $state(0);
  /** The first answer is there. */
  ready = $state(false);
  problem = $state.raw<Problem | null>(null);
  /** It does not grow any more, or is looked at as it was. */
  ended = $state(false);
  /** When the first line was written, in microseconds; for relative times. */
  start = $state(0);
  /** Columns of the widest line seen. */
  columns = $state(80);
  readonly pages: Pages;

  #run: string | null;
  #range = { first: 0, last: 0 };
  #off: (() => void) | null = null;
  #stopped = false;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly client: Client,
    readonly live: Live,
    readonly which: Which,
  ) {
    this.#run = which.run;
    this.pages = new Pages((from, lines) => this.read(from, lines), {
      arrived: (total) => this.#arrived(total),
      failed: (thrown) => this.#failed(thrown),
    });
  }

  /** Which run it turned out to be of. */
  get run(): string | null {
    return this.#run;
  }

  read(from: number | null, lines: number): Promise<LogPage> {
    const { task, at } = this.which;
    return this.client.call("task_log", { task, run: this.#run, from, lines, at });
  }

  /** Begins with the lines around one, or with the last ones. */
  async open(line: number | null): Promise<void> {
    try {
      const from = line === null ? null : Math.max(0, Math.floor(line / PAGE_LINES) * PAGE_LINES);
      const page = await this.read(from, PAGE_LINES);
      if (this.#stopped) return;
      this.#run = page.run ?? this.#run;
      this.#arrived(page.total);
      this.#take(page.lines);
      this.ready = true;
      this.ended = this.which.at !== null;
      if (page.lines[0] && page.first === 0) this.start = page.lines[0].at;
      if (this.#run && !this.ended) this.#watch(this.#run);
    } catch (thrown) {
      this.#failed(thrown);
      if (!this.#stopped) this.#retry = setTimeout(() => void this.open(line), 3000);
    }
  }

  /** The run that a task without one now has. */
  begin(run: string): void {
    if (this.#run !== null || this.which.run !== null) return;
    this.#run = run;
    void this.open(null);
  }

  close(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#off?.();
    this.#off = null;
    this.pages.clear();
  }

  /** A line, as soon as it is here. */
  line(number: number): LogText | undefined {
    void this.version;
    return this.pages.line(number);
  }

  /** What it looks like. */
  look(number: number): Span[] | undefined {
    void this.version;
    return this.pages.look(number);
  }

  /** Rows in view. */
  show(first: number, last: number): void {
    this.#range = { first, last };
    this.#want();
  }

  async firstLineAt(): Promise<void> {
    if (this.start > 0 || this.total === 0) return;
    const page = await this.read(0, 1).catch(() => null);
    this.start = page?.lines[0]?.at ?? 0;
  }

  #watch(run: string): void {
    this.#off?.();
    this.#off = this.live.watchLog(run, {
      grew: (total, lines, end) => {
        this.problem = null;
        this.#take(lines);
        this.#arrived(Math.max(total, this.total));
        this.ended = end;
        this.#want();
      },
      ended: (problem) => {
        this.#off = null;
        if (problem) this.problem = problem;
      },
    });
  }

  #take(lines: LogText[]): void {
    this.pages.grew(lines);
    for (const line of lines) this.#widen(line);
    this.version += 1;
  }

  #want(): void {
    const { first, last } = this.#range;
    if (last > first) this.pages.want(first, last - 1, this.total);
  }

  #arrived(total: number): void {
    if (this.problem) this.problem = null;
    if (this.which.at === null ? total > this.total : this.total === 0) this.total = total;
    const { first, last } = this.#range;
    for (let line = first; line < last; line += 1) {
      const text = this.pages.line(line);
      if (text) this.#widen(text);
    }
    this.version += 1;
  }

  #widen(line: LogText): void {
    // A line of a megabyte is shown in part: see LogLine.
    const columns = Math.min(line.text.length, LONGEST);
    if (columns > this.columns) this.columns = columns;
  }

  #failed(thrown: unknown): void {
    if (!this.#stopped) this.problem = asProblem(thrown);
  }
}

/** Characters of a line that are shown before somebody asks for all. */
export const LONGEST = 5000;
