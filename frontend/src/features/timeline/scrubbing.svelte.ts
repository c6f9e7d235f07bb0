// Going through a run: its moments, which of them is looked at, and playing
// them one after another. After the last moment comes now. Where the screen was
// recorded, time itself is gone through: nothing in the journal says what was
// seen between two moments.

import type { Client } from "$/api/client";
import { asProblem } from "$/api/errors";
import type { Moment, Problem, RunId, TaskId, Timestamp } from "$/api/generated/proto";

/** How long a moment stays when played once as fast. */
const BEAT_MS = 900;

/** Between two looks at the clock while a recording is played. */
const TICK_MS = 40;
/** A page that was not drawn for longer did not miss anything. */
const LONGEST_TICK_MS = 250;

/** From when to when the screen was recorded. */
export interface Span {
  from: Timestamp;
  to: Timestamp;
}

export type Speed = "1" | "2" | "4" | "8";

export class Scrubbing {
  moments = $state.raw<Moment[]>([]);
  thinned = $state(false);
  ready = $state(false);
  problem = $state.raw<Problem | null>(null);
  speed = $state<Speed>("1");
  playing = $state(false);
  /** In order. */
  spans = $state.raw<readonly Span[]>([]);
  #at = $state<number | null>(null);
  /** When, within one of them; null: when the moment was. */
  #within = $state<Timestamp | null>(null);
  #timer: ReturnType<typeof setTimeout> | null = null;
  #reading = false;

  constructor(
    readonly client: Client,
    readonly task: TaskId,
    readonly run: RunId,
  ) {}

  /** Of the journal; null: now. */
  get at(): number | null {
    return this.#at;
  }

  set at(at: number | null) {
    if (at !== this.#at) this.#within = null;
    this.#at = at;
  }

  /** Index into `moments`; their number when it is now. */
  get index(): number {
    const at = this.at;
    if (at === null) return this.moments.length;
    return Math.max(
      0,
      this.moments.findLastIndex((moment) => moment.seq <= at),
    );
  }

  get moment(): Moment | null {
    return this.moments[this.index] ?? null;
  }

  /** When it is that is looked at; null: now. */
  get time(): Timestamp | null {
    return this.#within ?? this.moment?.at ?? null;
  }

  async read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      const { moments, thinned } = await this.client.call("task_moments", { task: this.task, run: this.run });
      this.moments = moments;
      this.thinned = thinned;
      this.ready = true;
      this.problem = null;
    } catch (thrown) {
      this.problem = asProblem(thrown);
    } finally {
      this.#reading = false;
    }
  }

  /** To a moment by number; beyond the last it is now. */
  to(index: number): void {
    const within = Math.max(0, index);
    this.at = this.moments[within]?.seq ?? null;
    this.#within = null;
  }

  step(by: number): void {
    this.pause();
    // Back from between two moments is to the first of them.
    this.to(this.index + (this.#within !== null && by < 0 ? by + 1 : by));
  }

  /** To that time where the screen was recorded, else to the moment nearest to it. */
  toTime(at: Timestamp): void {
    const { moments } = this;
    const last = moments.at(-1);
    if (!last) return;
    if (this.#spanAt(at)) return this.#enter(at);
    const after = moments.findIndex((moment) => moment.at >= at);
    if (after < 0) return this.to(moments.length);
    const before = moments[after - 1];
    const nearer = before && at - before.at < (moments[after]?.at ?? at) - at ? after - 1 : after;
    this.to(nearer);
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play();
  }

  /** From the start, if it stands at the end. */
  play(): void {
    if (this.moments.length === 0) return;
    if (this.index >= this.moments.length) this.to(0);
    this.playing = true;
    this.#beat();
  }

  pause(): void {
    this.playing = false;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #spanAt(at: Timestamp): Span | undefined {
    return this.spans.find(({ from, to }) => at >= from && at < to);
  }

  /** What had happened by then, and the screen at that very time. */
  #enter(at: Timestamp): void {
    const index = this.moments.findLastIndex((moment) => moment.at <= at);
    this.to(index);
    if (this.at !== null) this.#within = at;
  }

  #beat(): void {
    if (this.#timer) clearTimeout(this.#timer);
    const { time } = this;
    if (time !== null && this.#spanAt(time)) this.#tick(time, performance.now());
    else this.#timer = setTimeout(() => this.#next(), BEAT_MS / Number(this.speed));
  }

  /** To what comes next: a moment, or a recording that begins before it. */
  #next(time = this.time): void {
    if (!this.playing) return;
    if (!document.hidden) {
      const after = this.moments[this.index + 1]?.at ?? Infinity;
      const span = this.spans.find(({ from }) => time !== null && from > time && from < after);
      if (span) this.#enter(span.from);
      else this.to(this.index + 1);
    }
    if (this.at === null) this.pause();
    else this.#beat();
  }

  /** Along the clock, as long as the screen was recorded. */
  #tick(from: Timestamp, began: number): void {
    this.#timer = setTimeout(() => {
      if (!this.playing) return;
      const now = performance.now();
      const passed = document.hidden ? 0 : Math.min(now - began, LONGEST_TICK_MS);
      const at = from + passed * 1000 * Number(this.speed);
      const span = this.#spanAt(from);
      if (span && at < span.to) {
        this.#enter(at);
        this.#tick(at, now);
        return;
      }
      // Whatever happened during it was passed with it.
      if (span) this.to(this.moments.findLastIndex((moment) => moment.at <= span.to));
      this.#next(span?.to);
    }, TICK_MS);
  }
}
