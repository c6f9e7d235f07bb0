// What there was at a moment: conversation, log and changes up to it. What is
// asked for last wins; what it took the place of is dropped.

import type { Client } from "$/api/client";
import { asProblem } from "$/api/errors";
import type { ChangedFile, LogText, Problem, RunId, TaskId } from "$/api/generated/proto";
import { ConversationFold } from "$/parts/conversation/fold.svelte";

/** While a person drags, only where they pause is read. */
const PAUSE_MS = 90;
const RECORDS = 150;
const LINES = 80;

export class Then {
  fold = $state.raw<ConversationFold | null>(null);
  lines = $state.raw<LogText[]>([]);
  /** How many lines the log had. */
  total = $state(0);
  files = $state.raw<ChangedFile[]>([]);
  busy = $state(false);
  problem = $state.raw<Problem | null>(null);
  #generation = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    readonly client: Client,
    readonly task: TaskId,
    readonly run: RunId,
  ) {}

  /** `at`: sequence number; null: now. */
  show(at: number | null): void {
    this.#generation += 1;
    const generation = this.#generation;
    this.busy = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#read(at, generation), this.fold === null ? 0 : PAUSE_MS);
  }

  stop(): void {
    this.#generation += 1;
    if (this.#timer) clearTimeout(this.#timer);
  }

  async #read(at: number | null, generation: number): Promise<void> {
    const { client, task, run } = this;
    const before = at === null ? Number.MAX_SAFE_INTEGER : at + 1;
    try {
      const [journal, log, snapshot] = await Promise.all([
        client.call("task_journal", { task, run, before, part: "conversation", limit: RECORDS }),
        client.call("task_log", { task, run, at, lines: LINES }),
        client.call("task_diff", { task, run, at }),
      ]);
      if (generation !== this.#generation) return;
      const fold = new ConversationFold();
      fold.append(journal.records);
      this.fold = fold;
      this.lines = log.lines;
      this.total = log.total;
      this.files = Object.values(snapshot.files)
        .filter((file) => file !== undefined)
        .sort((a, b) => a.path.localeCompare(b.path));
      this.problem = null;
    } catch (thrown) {
      if (generation === this.#generation) this.problem = asProblem(thrown);
    } finally {
      if (generation === this.#generation) this.busy = false;
    }
  }
}
