// The lines of a log that were read, in pages. What is in view is asked for;
// while somebody flings through a million lines, a page that is no longer
// wanted is not asked for at all, and only so many are kept.

import type { LogPage, LogText } from "$/api/generated/proto";
import { parseLine, PLAIN, type Span, type Style } from "$/parts/terminal/ansi";

export const PAGE_LINES = 500;
/** Twenty thousand lines: some megabytes of an ordinary log. */
const KEPT = 40;
/** Requests under way at once. */
const AT_ONCE = 2;

export type ReadLines = (from: number, lines: number) => Promise<LogPage>;

interface Page {
  lines: LogText[];
  /** What they look like; made when first looked at. */
  looks: Span[][] | null;
  start: Style;
  end: Style;
}

export interface PagesEvents {
  /** Lines have come or changed. */
  arrived(total: number): void;
  failed(problem: unknown): void;
}

export class Pages {
  #pages = new Map<number, Page>();
  #wanted: number[] = [];
  #underWay = new Set<number>();
  #failedUntil = 0;
  #generation = 0;

  constructor(
    readonly read: ReadLines,
    readonly events: PagesEvents,
    readonly now: () => number = Date.now,
  ) {}

  /** How many lines are held: for tests and measurements. */
  get held(): number {
    return [...this.#pages.values()].reduce((sum, page) => sum + page.lines.length, 0);
  }

  line(number: number): LogText | undefined {
    return this.#pages.get(Math.floor(number / PAGE_LINES))?.lines[number % PAGE_LINES];
  }

  /** What a line looks like, coloured as by the lines before it that are known. */
  look(number: number): Span[] | undefined {
    const index = Math.floor(number / PAGE_LINES);
    const page = this.#pages.get(index);
    if (!page) return undefined;
    const start = this.#pages.get(index - 1);
    if (!page.looks || (start && start.looks && start.end !== page.start))
      this.#parse(page, start?.end ?? page.start);
    return page.looks?.[number % PAGE_LINES];
  }

  /** These lines are in view, of so many. Forgets what was wanted before. */
  want(first: number, last: number, total: number): void {
    const from = Math.floor(first / PAGE_LINES);
    const to = Math.floor(Math.max(first, Math.min(last, total - 1)) / PAGE_LINES);
    this.#wanted = [];
    for (let index = from; index <= to; index += 1) if (!this.#whole(index, total)) this.#wanted.push(index);
    for (let index = from; index <= to; index += 1) this.#touch(index);
    this.#next();
  }

  /** Lines that came by themselves, the newest ones. */
  grew(lines: LogText[]): void {
    for (const line of lines) {
      const index = Math.floor(line.line / PAGE_LINES);
      const within = line.line % PAGE_LINES;
      let page = this.#pages.get(index);
      if (!page && within === 0) {
        page = { lines: [], looks: null, start: PLAIN, end: PLAIN };
        this.#pages.set(index, page);
        this.#drop();
      }
      // A hole is filled by reading the page, when somebody looks.
      if (!page || page.lines.length < within) continue;
      page.lines[within] = line;
      this.#appended(page, within, line);
    }
  }

  /** Lines for copying, past the pages: asked for in one piece after the other. */
  async range(first: number, last: number, most: number): Promise<LogText[]> {
    const lines: LogText[] = [];
    const end = Math.min(last, first + most - 1);
    for (let at = first; at <= end;) {
      const held = this.line(at);
      if (held) lines.push(held);
      else lines.push(...(await this.read(at, Math.min(10_000, end - at + 1))).lines);
      const next = (lines.at(-1)?.line ?? at - 1) + 1;
      if (next <= at) break;
      at = next;
    }
    return lines;
  }

  clear(): void {
    this.#generation += 1;
    this.#pages.clear();
    this.#wanted = [];
    this.#underWay.clear();
  }

  #whole(index: number, total: number): boolean {
    const have = this.#pages.get(index)?.lines.length ?? 0;
    return have >= Math.min(PAGE_LINES, total - index * PAGE_LINES);
  }

  #next(): void {
    if (this.now() < this.#failedUntil) return;
    while (this.#underWay.size < AT_ONCE) {
      const index = this.#wanted.find((wanted) => !this.#underWay.has(wanted));
      if (index === undefined) return;
      void this.#fetch(index);
    }
  }

  async #fetch(index: number): Promise<void> {
    const generation = this.#generation;
    const have = this.#pages.get(index)?.lines.length ?? 0;
    this.#underWay.add(index);
    this.#wanted = this.#wanted.filter((wanted) => wanted !== index);
    try {
      const page = await this.read(index * PAGE_LINES + have, PAGE_LINES - have);
      if (generation !== this.#generation) return;
      this.#take(index, page);
    } catch (problem) {
      if (generation !== this.#generation) return;
      this.#failedUntil = this.now() + 2000;
      this.events.failed(problem);
    }
    this.#underWay.delete(index);
    this.#next();
  }

  #take(index: number, read: LogPage): void {
    const page = this.#pages.get(index) ?? { lines: [], looks: null, start: PLAIN, end: PLAIN };
    for (const line of read.lines) page.lines[line.line - index * PAGE_LINES] = line;
    page.looks = null;
    this.#pages.delete(index);
    this.#pages.set(index, page);
    this.#drop();
    // A page ends early where its lines are very long.
    const end = index * PAGE_LINES + Math.min(PAGE_LINES, read.total - index * PAGE_LINES);
    if (read.lines.length > 0 && index * PAGE_LINES + page.lines.length < end) this.#wanted.unshift(index);
    this.events.arrived(read.total);
  }

  /** The page looked at last comes last. */
  #touch(index: number): void {
    const page = this.#pages.get(index);
    if (!page) return;
    this.#pages.delete(index);
    this.#pages.set(index, page);
  }

  #drop(): void {
    for (const index of this.#pages.keys()) {
      if (this.#pages.size <= KEPT) return;
      this.#pages.delete(index);
    }
  }

  #parse(page: Page, start: Style): void {
    page.start = start;
    page.looks = [];
    let style = start;
    for (const line of page.lines) {
      const parsed = this.#parsed(line, style);
      page.looks.push(parsed.spans);
      style = parsed.end;
    }
    page.end = style;
  }

  #appended(page: Page, within: number, line: LogText): void {
    if (!page.looks || page.looks.length !== within) {
      page.looks = null;
      return;
    }
    const parsed = this.#parsed(line, page.end);
    page.looks.push(parsed.spans);
    page.end = parsed.end;
  }

  /** What the runner says of itself is no part of the program's terminal. */
  #parsed(line: LogText, style: Style): { spans: Span[]; end: Style } {
    if (line.stream === "stdout" || line.stream === "stderr") return parseLine(line.text, style);
    return { spans: parseLine(line.text).spans, end: style };
  }
}
