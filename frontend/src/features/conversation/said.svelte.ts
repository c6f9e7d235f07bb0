// What a person told the agent and no turn has begun with yet. The hub does
// not list it, so this browser remembers; it is heard once a later turn
// begins with it, in this run or the next.

import type { RunId, TaskId } from "$/api/generated/proto";
import type { Entry } from "$/parts/conversation/entries.svelte";

export interface Saying {
  text: string;
  /** When it was sent, in milliseconds here. */
  at: number;
  /** The run it was sent to, and how far that was. */
  run: RunId | null;
  after: number;
}

const PREFIX = "pilothouse.said.";
/** What nobody has begun with for so long was said in another way, or lost. */
const FORGET_MS = 7 * 24 * 3600 * 1000;

export class Said {
  waiting = $state.raw<Saying[]>([]);

  constructor(readonly task: TaskId) {
    this.waiting = read(task).filter((one) => Date.now() - one.at < FORGET_MS);
  }

  add(saying: Saying): void {
    this.#keep([...this.waiting, saying]);
  }

  /** Drops what the turns of `run` began with. */
  heard(run: RunId, entries: readonly Entry[]): void {
    if (this.waiting.length === 0) return;
    const left = this.waiting.filter((one) => !entries.some((entry) => beginsWith(entry, one, run)));
    if (left.length < this.waiting.length) this.#keep(left);
  }

  drop(saying: Saying): void {
    this.#keep(this.waiting.filter((one) => one !== saying));
  }

  #keep(waiting: Saying[]): void {
    this.waiting = waiting;
    if (waiting.length === 0) localStorage.removeItem(PREFIX + this.task);
    else localStorage.setItem(PREFIX + this.task, JSON.stringify(waiting));
  }
}

function beginsWith(entry: Entry, saying: Saying, run: RunId): boolean {
  if (entry.kind !== "turn") return false;
  if (run === saying.run && entry.key <= saying.after) return false;
  return entry.prompt.includes(saying.text.trim());
}

function read(task: TaskId): Saying[] {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + task) ?? "[]") as Saying[];
  } catch {
    return [];
  }
}
