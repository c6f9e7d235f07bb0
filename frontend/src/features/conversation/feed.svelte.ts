// Reads the conversation of one run: its end first, what is older when it is
// asked for, what is newer as it comes. The watch begins where the first page
// ended, so nothing is lost between the two.

import type { Client } from "$/api/client";
import { asProblem } from "$/api/errors";
import type { Live } from "$/api/live";
import type { JournalRecord, Problem, RunId, TaskId } from "$/api/generated/proto";
import { ConversationFold } from "$/parts/conversation/fold.svelte";
import { Gathering } from "$/state/gathering";

/** Records of the first page, and of each page before it. */
const PAGE = 500;
/** Before this is everything. */
const THE_END = Number.MAX_SAFE_INTEGER;

export class Feed {
  readonly fold = new ConversationFold();
  /** The first page is there. */
  ready = $state(false);
  loadingOlder = $state(false);
  /** Nothing is before what is loaded. */
  whole = $state(false);
  problem = $state.raw<Problem | null>(null);
  #unwatch: (() => void) | null = null;
  #stopped = false;
  #gathering = new Gathering<JournalRecord>((records) => this.fold.append(records));

  constructor(
    readonly client: Client,
    readonly live: Live,
    readonly task: TaskId,
    readonly run: RunId,
  ) {}

  async start(): Promise<void> {
    if (this.ready || this.#stopped) return;
    try {
      const page = await this.#before(THE_END);
      if (this.#stopped) return;
      this.fold.append(page.records);
      this.whole = page.records.length === 0;
      this.ready = true;
      this.problem = null;
      this.#watch(Math.max(page.end.seq, this.fold.lastSeq));
    } catch (thrown) {
      this.problem = asProblem(thrown);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#gathering.stop();
    this.#unwatch?.();
  }

  /** One page more of what was before. True if there was any. */
  async older(): Promise<boolean> {
    if (this.whole || this.loadingOlder || !this.ready) return false;
    this.loadingOlder = true;
    try {
      const page = await this.#before(this.fold.firstSeq);
      if (this.#stopped) return false;
      this.whole = page.records.length === 0;
      this.fold.prepend(page.records);
      this.problem = null;
      return page.records.length > 0;
    } catch (thrown) {
      this.problem = asProblem(thrown);
      return false;
    } finally {
      this.loadingOlder = false;
    }
  }

  #before(before: number) {
    return this.client.call("task_journal", {
      task: this.task,
      run: this.run,
      before,
      part: "conversation",
      limit: PAGE,
    });
  }

  #watch(after: number): void {
    this.#unwatch = this.live.watchJournal(this.run, after, "conversation", {
      records: (records) => this.#gathering.push(records),
      ended: (problem) => (this.problem = problem),
    });
  }
}
