// Looking for something in a log: the hub looks, hits come in as they are
// found, and go on coming while the log grows.

import type { Client } from "$/api/client";
import { asProblem } from "$/api/errors";
import type { LogHits, Problem } from "$/api/generated/proto";
import type { Which } from "./view.svelte";

/** More marks than a scroll bar has pixels, and more than anybody walks through. */
const MOST = 10_000;
const AT_ONCE = 1000;
const PAUSE_MS = 180;

export class Finder {
  pattern = $state("");
  regex = $state(false);
  matchCase = $state(false);
  /** Numbers of lines that match, in order. */
  hits = $state.raw<number[]>([]);
  /** The hit that was gone to. */
  current = $state(-1);
  searching = $state(false);
  /** There are more than are kept. */
  more = $state(false);
  problem = $state.raw<Problem | null>(null);

  #generation = 0;
  #looked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly client: Client,
    readonly which: () => Which,
    readonly total: () => number,
    /** The first hit from where one looks was found. */
    readonly found: (line: number) => void,
    readonly from: () => number,
  ) {}

  get active(): boolean {
    return this.pattern !== "";
  }

  /** What to mark within a line; null where the hub's expression is none of ours. */
  readonly expression = $derived.by(() => {
    if (this.pattern === "") return null;
    const source = this.regex ? this.pattern : this.pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    try {
      return new RegExp(source, this.matchCase ? "gu" : "giu");
    } catch {
      return null;
    }
  });

  /** What is looked for has changed. */
  changed(): void {
    clearTimeout(this.#timer);
    this.#generation += 1;
    this.hits = [];
    this.current = -1;
    this.more = false;
    this.problem = null;
    this.#looked = 0;
    this.searching = this.active;
    if (this.active) this.#timer = setTimeout(() => void this.#search(true), PAUSE_MS);
  }

  /** The log has grown. */
  grew(): void {
    if (!this.active || this.searching || this.more || this.total() <= this.#looked) return;
    this.searching = true;
    this.#timer = setTimeout(() => void this.#search(false), 500);
  }

  /** Goes to the next hit, or the one before. */
  step(direction: 1 | -1): void {
    if (this.hits.length === 0) return;
    const none = this.current < 0;
    const next = none ? this.#nearest(direction) : this.current + direction;
    this.current = (next + this.hits.length) % this.hits.length;
    this.found(this.hits[this.current] ?? 0);
  }

  isHit(line: number): boolean {
    const at = lowerBound(this.hits, line);
    return this.hits[at] === line;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#generation += 1;
    this.searching = false;
  }

  #nearest(direction: 1 | -1): number {
    const at = lowerBound(this.hits, this.from());
    return direction === 1 ? at % this.hits.length : at - 1;
  }

  async #search(jump: boolean): Promise<void> {
    const generation = this.#generation;
    let jumped = !jump;
    let from: number | null = this.#looked;
    const { task, run, at } = this.which();
    try {
      while (from !== null && this.hits.length < MOST) {
        const total: number = this.total();
        const request = { task, run, pattern: this.pattern, regex: this.regex, ignore_case: !this.matchCase };
        const answer: LogHits = await this.client.call("task_log_search", {
          ...request,
          from,
          limit: AT_ONCE,
        });
        if (generation !== this.#generation) return;
        const last = this.hits.at(-1) ?? -1;
        const seen = answer.hits.filter((hit) => hit.line > last && (at === null || hit.line < total));
        this.hits = [...this.hits, ...seen.map((hit) => hit.line)].slice(0, MOST);
        if (!jumped && (this.hits.at(-1) ?? -1) >= this.from()) {
          jumped = true;
          this.step(1);
        }
        from = at !== null && (answer.next ?? 0) >= total ? null : answer.next;
        this.#looked = from ?? Math.max(total, this.hits.at(-1) ?? 0);
      }
      this.more = from !== null;
      if (!jumped) this.step(1);
    } catch (thrown) {
      if (generation === this.#generation) this.problem = asProblem(thrown);
    }
    if (generation === this.#generation) this.searching = false;
  }
}

/** Where a number stands, or would. */
export function lowerBound(numbers: readonly number[], number: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
