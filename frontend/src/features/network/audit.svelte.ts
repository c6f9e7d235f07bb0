// What one run reached and what it was refused: read once, and then told by
// its journal. Decisions have numbers, so what is told twice is counted once.

import { asProblem } from "$/api/errors";
import type {
  JournalEvent,
  JournalRecord,
  ModelCall,
  NetworkAudit,
  NetworkTry,
  Problem,
  RunId,
  TaskId,
} from "$/api/generated/proto";
import { Gathering } from "$/state/gathering";
import type { Session } from "$/state/session.svelte";

/** Before this is everything. */
const THE_END = Number.MAX_SAFE_INTEGER;
/** What a page shows; the hub reads no more of them either. */
export const MOST_TRIES = 2000;

export class Audit {
  /** Newest state of it; null until it was read. */
  seen = $state.raw<NetworkAudit | null>(null);
  problem = $state.raw<Problem | null>(null);
  reading = $state(false);
  #unwatch: (() => void) | null = null;
  #stopped = false;
  #gathering = new Gathering<JournalRecord>((records) => this.take(records));
  /** Calls of the last reading that the journal may tell once more. */
  #toldAgain = new Map<string, number>();

  constructor(
    readonly session: Session,
    readonly task: TaskId,
    readonly run: RunId,
  ) {}

  async read(): Promise<void> {
    if (this.reading || this.#stopped) return;
    this.reading = true;
    try {
      // The watch begins where the journal stood before the reading: nothing
      // is lost between the two, and what comes twice is known.
      const from = this.#unwatch ? null : await this.#end();
      const seen = await this.session.client.call("task_network", { task: this.task, run: this.run });
      if (this.#stopped) return;
      this.seen = seen;
      this.problem = null;
      this.#toldAgain = counted(seen.calls);
      if (from !== null) this.#watch(from);
    } catch (thrown) {
      this.problem = asProblem(thrown);
    } finally {
      this.reading = false;
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#gathering.stop();
    this.#unwatch?.();
  }

  async #end(): Promise<number> {
    const { end } = await this.session.client.call("task_journal", {
      task: this.task,
      run: this.run,
      before: THE_END,
      part: "conversation",
      limit: 1,
    });
    return end.seq;
  }

  #watch(after: number): void {
    this.#unwatch = this.session.live.watchJournal(this.run, after, "conversation", {
      records: (records) => this.#gathering.push(records),
      ended: (problem) => (this.problem = problem),
    });
  }

  /** Records of the journal, in order. */
  take(records: readonly JournalRecord[]): void {
    const before = this.seen;
    if (!before) return;
    const fold = new Fold(before, this.#toldAgain);
    for (const { at, event } of records) fold.add(at, event);
    if (fold.changed) this.seen = fold.result();
    // How many were lost is counted by the hub, who knows what it has told.
    if (fold.lost) void this.read();
  }
}

/** One batch of records on top of what was known. */
class Fold {
  changed = false;
  lost = false;
  readonly #tries: NetworkTry[];
  readonly #places: Map<number, number>;
  readonly #calls: ModelCall[];
  #walls: NetworkAudit["walls"];

  constructor(
    readonly before: NetworkAudit,
    readonly toldAgain: Map<string, number>,
  ) {
    this.#tries = before.tries.slice();
    this.#places = new Map(before.tries.map((one, place) => [one.decision.id, place]));
    this.#calls = before.calls.slice();
    this.#walls = before.walls;
  }

  add(at: number, event: JournalEvent): void {
    switch (event.type) {
      case "walls":
        this.#walls = event;
        break;
      case "network":
        if (this.#places.has(event.id)) return;
        this.#places.set(event.id, this.#tries.length);
        this.#tries.push({ at, decision: event, end: null });
        break;
      case "network_ended": {
        const place = this.#places.get(event.id);
        const known = place === undefined ? undefined : this.#tries[place];
        if (place === undefined || !known || known.end) return;
        this.#tries[place] = { ...known, end: event };
        break;
      }
      case "model_called": {
        const same = key(event);
        const told = this.toldAgain.get(same) ?? 0;
        if (told > 0) {
          this.toldAgain.set(same, told - 1);
          return;
        }
        this.#calls.push(event);
        break;
      }
      case "network_lost":
        this.lost = true;
        return;
      default:
        return;
    }
    this.changed = true;
  }

  result(): NetworkAudit {
    const over = Math.max(0, this.#tries.length - MOST_TRIES);
    const gone = this.#tries.slice(0, over).reduce((sum, one) => sum + one.decision.count, 0);
    return {
      ...this.before,
      walls: this.#walls,
      tries: this.#tries.slice(over),
      lost: this.before.lost + gone,
      calls: this.#calls.slice(-MOST_TRIES),
    };
  }
}

/** What tells a call from others: two alike in all numbers are one. */
function key(call: ModelCall): string {
  const { provider, model, status, usage, first_ms, total_ms, attempts } = call;
  const { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens } = usage;
  const told = [input_tokens, output_tokens, cache_read_tokens, cache_write_tokens];
  return JSON.stringify([provider, model, status, told, first_ms, total_ms, attempts]);
}

function counted(calls: readonly ModelCall[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const call of calls) counts.set(key(call), (counts.get(key(call)) ?? 0) + 1);
  return counts;
}
