// The files of a change, as they are or as they were; new snapshots come in
// while the run is at work.

import type { Client } from "$/api/client";
import { asProblem } from "$/api/errors";
import type { ChangedFile, Problem, Snapshot } from "$/api/generated/proto";
import type { Which } from "./file.svelte";
import { stampOf } from "./reviewed";

/** Snapshots of one busy agent are taken every few seconds. */
const SOON_MS = 1200;
/** A file may change without any number that is told changing; only small lists are read again for that. */
const LATER_MS = 10_000;
const SMALL = 2000;

export class ChangeView {
  ready = $state(false);
  problem = $state.raw<Problem | null>(null);
  snapshot = $state.raw<Snapshot | null>(null);
  readonly files = $derived<ChangedFile[]>(this.snapshot ? Object.values(this.snapshot.files) : []);

  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = 0;
  #stopped = false;
  /** Reads that were begun, and the last of them whose answer is shown: answers may overtake one another. */
  #begun = 0;
  #shown = 0;

  constructor(
    readonly client: Client,
    readonly which: Which,
  ) {}

  async read(): Promise<void> {
    clearTimeout(this.#timer);
    this.#due = 0;
    this.#begun += 1;
    const number = this.#begun;
    try {
      const { task, run, at } = this.which;
      const snapshot = await this.client.call("task_diff", { task, run, at });
      if (this.#stopped || number < this.#shown) return;
      this.#shown = number;
      if (isNews(snapshot, this.snapshot)) this.snapshot = snapshot;
      this.problem = null;
      this.ready = true;
    } catch (thrown) {
      if (!this.#stopped && number >= this.#shown) this.problem = asProblem(thrown);
    }
  }

  /** The task was told of anew: something may have changed. */
  soon(): void {
    this.#plan(SOON_MS);
  }

  /** Its run is at work: look again, for what is not told. */
  later(): void {
    if (this.files.length <= SMALL) this.#plan(LATER_MS);
  }

  close(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #plan(wait: number): void {
    if (this.which.at !== null || this.#stopped) return;
    const due = Date.now() + wait;
    if (this.#due !== 0 && this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#due = 0;
      if (!document.hidden) void this.read();
      else this.#plan(LATER_MS);
    }, wait);
  }
}

/**
 * Whether to show it instead of what is shown. A run that has begun and has no
 * snapshot yet tells nothing; what was there stays until it has. Numbers count
 * from one again in each run: the files say whether anything is new.
 */
function isNews(now: Snapshot, before: Snapshot | null): boolean {
  if (!before) return true;
  if (now.number === 0) return false;
  const [paths, others] = [Object.keys(now.files), Object.keys(before.files)];
  if (now.base !== before.base || paths.length !== others.length) return true;
  return paths.some((path) => {
    const [one, other] = [now.files[path], before.files[path]];
    return !one || !other || stampOf(one) !== stampOf(other);
  });
}
