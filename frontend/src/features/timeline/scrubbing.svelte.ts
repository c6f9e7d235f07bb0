// Going through a run: its moments, which of them is looked at, and playing
// them one after another. After the last moment comes now.

import type { Client } from "$/api/client";
import { asProblem } from "$/api/errors";
import type { Moment, Problem, RunId, TaskId } from "$/api/generated/proto";

/** How long a moment stays when played once as fast. */
const BEAT_MS = 900;

export type Speed = "1" | "2" | "4" | "8";

export class Scrubbing {
  moments = $state.raw<Moment[]>([]);
  thinned = $state(false);
  ready = $state(false);
  problem = $state.raw<Problem | null>(null);
  /** Of the journal; null: now. */
  at = $state<number | null>(null);
  speed = $state<Speed>("1");
  playing = $state(false);
  #timer: ReturnType<typeof setTimeout> | null = null;
  #reading = false;

  constructor(
    readonly client: Client,
    readonly task: TaskId,
    readonly run: RunId,
  ) {}

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
  }

  step(by: number): void {
    this.pause();
    this.to(this.index + by);
  }

  /** To the moment nearest in time. */
  toTime(at: number): void {
    const { moments } = this;
    const last = moments.at(-1);
    if (!last) return;
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

  #beat(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        if (!this.playing) return;
        if (!document.hidden) this.to(this.index + 1);
        if (this.at === null) this.pause();
        else this.#beat();
      },
      BEAT_MS / Number(this.speed),
    );
  }
}
