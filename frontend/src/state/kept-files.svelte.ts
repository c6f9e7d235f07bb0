// The files a run left: its artifacts and its rescue bundle, read out of its
// journal from the end backwards, and then as they come.

import type { Client } from "$/api/client";
import { asProblem } from "$/api/errors";
import type { Live } from "$/api/live";
import type {
  BlobId,
  JournalEvent,
  JournalRecord,
  Problem,
  RunId,
  TaskId,
  Timestamp,
} from "$/api/generated/proto";

export interface Kept {
  name: string;
  media_type: string;
  blob: BlobId;
  size: number;
  at: Timestamp;
  seq: number;
}

/** The newest of a name, with those it took the place of. */
export interface KeptFile extends Kept {
  earlier: Kept[];
}

/** A recording of the screen: when it is of. */
export interface Recorded {
  name: string;
  at: Timestamp;
  /** None: it goes on, or was cut off. */
  millis: number | null;
}

export interface Bundle {
  bundle: BlobId;
  size: number;
  reference: string;
  at: Timestamp;
}

const PAGE = 5000;

export class KeptFiles {
  files = $state.raw<KeptFile[]>([]);
  rescued = $state.raw<Bundle | null>(null);
  /** By name. */
  recorded = $state.raw<ReadonlyMap<string, Recorded>>(new Map());
  /** The whole journal has been looked through. */
  ready = $state(false);
  /** Records looked through so far. */
  seen = $state(0);
  problem = $state.raw<Problem | null>(null);
  #kept = new Map<number, Kept>();
  #first = Number.MAX_SAFE_INTEGER;
  #begun = false;
  #stopped = false;
  #unwatch: (() => void) | null = null;

  constructor(
    readonly client: Client,
    readonly live: Live,
    readonly task: TaskId,
    readonly run: RunId,
  ) {}

  /** Goes on where it was, if it could not end. */
  async read(): Promise<void> {
    if (this.#begun || this.ready) return;
    this.#begun = true;
    this.problem = null;
    try {
      while (!this.#stopped) {
        const { task, run } = this;
        const before = this.#first;
        const page = await this.client.call("task_journal", {
          task,
          run,
          before,
          part: "conversation",
          limit: PAGE,
        });
        if (!this.#unwatch && !this.#stopped) this.#watch(page.end.seq);
        if (page.records.length === 0) break;
        this.#first = page.records[0]?.seq ?? 0;
        this.seen += page.records.length;
        this.take(page.records);
      }
      this.ready = !this.#stopped;
    } catch (thrown) {
      this.problem = asProblem(thrown);
    } finally {
      this.#begun = false;
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#unwatch?.();
  }

  take(records: readonly JournalRecord[]): void {
    for (const { seq, at, event } of records) {
      if (event.type === "artifact") {
        const { name, media_type, blob, size } = event;
        this.#kept.set(seq, { name, media_type, blob, size, at, seq });
      } else if (event.type === "screen") {
        this.#record(event, at);
      } else if (event.type === "rescued") {
        const { bundle, size, reference } = event;
        this.rescued = { bundle, size, reference, at };
      }
    }
    this.files = byName([...this.#kept.values()]);
  }

  /** The screen as it was recorded at a moment, and how far on in it. */
  screenAt(moment: Timestamp): { file: KeptFile; offset: number } | null {
    for (const { name, at, millis } of this.recorded.values()) {
      const offset = (moment - at) / 1000;
      if (offset < 0 || (millis !== null && offset > millis)) continue;
      const file = this.files.find((kept) => kept.name === name);
      if (file) return { file, offset };
    }
    return null;
  }

  /** From when to when there is a recording, in order. */
  get spans(): { from: Timestamp; to: Timestamp }[] {
    const whole = [...this.recorded.values()].filter(({ name }) =>
      this.files.some((kept) => kept.name === name),
    );
    return whole
      .flatMap(({ at, millis }) => (millis === null ? [] : [{ from: at, to: at + millis * 1000 }]))
      .sort((a, b) => a.from - b.from);
  }

  /** Pages come from the end backwards: the end of one may be known first. */
  #record(event: Extract<JournalEvent, { type: "screen" }>, at: Timestamp): void {
    if (event.what !== "recording_began" && event.what !== "recording_ended") return;
    const known = this.recorded.get(event.name);
    const { name } = event;
    const recorded =
      event.what === "recording_began"
        ? { name, at, millis: known?.millis ?? null }
        : { name, at: at - event.millis * 1000, millis: event.millis };
    this.recorded = new Map([
      ...this.recorded,
      [name, known && event.what === "recording_ended" ? { ...known, millis: event.millis } : recorded],
    ]);
  }

  #watch(after: number): void {
    this.#unwatch = this.live.watchJournal(this.run, after, "conversation", {
      records: (records) => this.take(records),
      ended: (problem) => (this.problem = problem),
    });
  }
}

/** Each name once, in order; its newest first, the others behind it. */
export function byName(kept: readonly Kept[]): KeptFile[] {
  const names = new Map<string, Kept[]>();
  for (const one of [...kept].sort((a, b) => b.seq - a.seq)) {
    const same = names.get(one.name);
    if (same) same.push(one);
    else names.set(one.name, [one]);
  }
  const files = [...names.values()].flatMap(([newest, ...earlier]) =>
    newest ? [{ ...newest, earlier }] : [],
  );
  return files.sort((a, b) => a.name.localeCompare(b.name));
}
