// The live socket: watches that survive a lost connection. Each watch says on
// the new connection where it was; what comes twice is dropped here.

import type { Connection, Frames } from "$/host/host";
import type {
  FromConsole,
  InboxItem,
  JournalPart,
  JournalRecord,
  LogText,
  Problem,
  RunId,
  RunnerSeen,
  Task,
  ToConsole,
} from "./generated/proto";

export interface EverythingEvents {
  /** A part of the present state; what no part of a whole round tells is gone. */
  present(part: Present): void;
  task(task: Task): void;
  runnerSeen(runner: RunnerSeen): void;
  inboxItem(item: InboxItem): void;
}

export type Present = Extract<ToConsole, { type: "present" }>;

export interface JournalEvents {
  records(records: JournalRecord[], end: boolean): void;
  ended(problem: Problem | null): void;
}

export interface LogEvents {
  /** `lines` are the newest; those before them are read by page. */
  grew(total: number, lines: LogText[], end: boolean): void;
  ended(problem: Problem | null): void;
}

export interface LinkEvents {
  /** The socket stands, or has been lost and why. */
  up(): void;
  down(problem: Problem | null, retryAt: number): void;
  /** The hub is ahead of us by so many messages. */
  behind(by: number): void;
}

type Watch =
  | { kind: "all"; events: EverythingEvents }
  | { kind: "journal"; run: RunId; after: number; part: JournalPart; events: JournalEvents }
  | { kind: "log"; run: RunId; events: LogEvents };

/** First wait before dialling again; doubled up to the longest, with full jitter. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;

export class Live {
  #watches = new Map<number, Watch>();
  #next = 1;
  #frames: Frames | null = null;
  #open = false;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #stopped = false;

  constructor(
    readonly connection: Connection,
    readonly events: LinkEvents,
  ) {}

  start(): void {
    this.#stopped = false;
    this.#dial();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#frames?.close();
    this.#frames = null;
    this.#open = false;
  }

  /** Dials at once if it is waiting to: the network is back, the laptop awake. */
  nudge(): void {
    if (this.#stopped || this.#frames) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#dial();
  }

  watchAll(events: EverythingEvents): () => void {
    return this.#watch({ kind: "all", events });
  }

  watchJournal(run: RunId, after: number, part: JournalPart, events: JournalEvents): () => void {
    return this.#watch({ kind: "journal", run, after, part, events });
  }

  watchLog(run: RunId, events: LogEvents): () => void {
    return this.#watch({ kind: "log", run, events });
  }

  #watch(watch: Watch): () => void {
    const number = this.#next++;
    this.#watches.set(number, watch);
    if (this.#open) this.#ask(number, watch);
    return () => {
      if (this.#watches.delete(number)) this.#say({ type: "unwatch", watch: number });
    };
  }

  #ask(number: number, watch: Watch): void {
    switch (watch.kind) {
      case "all":
        return this.#say({ type: "watch_all", watch: number });
      case "journal": {
        const { run, after, part } = watch;
        return this.#say({ type: "watch_journal", watch: number, run, after, part });
      }
      case "log":
        return this.#say({ type: "watch_log", watch: number, run: watch.run });
    }
  }

  #say(message: FromConsole): void {
    if (this.#open) this.#frames?.send(JSON.stringify(message));
  }

  #dial(): void {
    const frames = this.connection.live({
      opened: () => {
        if (this.#frames !== frames) return;
        this.#open = true;
        this.#failures = 0;
        this.events.up();
        for (const [number, watch] of this.#watches) this.#ask(number, watch);
      },
      frames: (texts) => {
        if (this.#frames !== frames) return;
        for (const text of texts) this.#take(text);
      },
      closed: (problem) => {
        if (this.#frames === frames) this.#lost(problem);
      },
    });
    this.#frames = frames;
  }

  #lost(problem: Problem | null): void {
    this.#frames = null;
    this.#open = false;
    if (this.#stopped) return;
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    const wait = longest / 2 + Math.random() * (longest / 2);
    this.events.down(problem, Date.now() + wait);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#dial();
    }, wait);
  }

  #take(text: string): void {
    let message: ToConsole;
    try {
      message = JSON.parse(text) as ToConsole;
    } catch {
      return; // A frame of a newer hub that is no JSON cannot be for us.
    }
    const watch = this.#watches.get(message.watch);
    if (!watch) return;
    switch (message.type) {
      case "present":
        if (watch.kind === "all") watch.events.present(message);
        break;
      case "task":
        if (watch.kind === "all") watch.events.task(message.task);
        break;
      case "runner":
        if (watch.kind === "all") watch.events.runnerSeen(message.runner);
        break;
      case "inbox":
        if (watch.kind === "all") watch.events.inboxItem(message.item);
        break;
      case "records":
        if (watch.kind === "journal") this.#records(watch, message.records, message.end);
        break;
      case "log":
        if (watch.kind === "log") watch.events.grew(message.total, message.lines, message.end);
        break;
      case "behind":
        this.events.behind(message.by);
        break;
      case "ended":
        this.#watches.delete(message.watch);
        if (watch.kind !== "all") watch.events.ended(message.problem);
        break;
      case "watching":
        break;
    }
  }

  #records(watch: Watch & { kind: "journal" }, records: JournalRecord[], end: boolean): void {
    const fresh = records.filter((record) => record.seq > watch.after);
    const last = fresh.at(-1);
    if (last) watch.after = last.seq;
    if (fresh.length > 0 || end) watch.events.records(fresh, end);
  }
}
