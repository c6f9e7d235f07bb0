// Tasks, runners and inbox of one hub: a fold of what the hub tells. The
// hub's messages are the only writer; a component calls a command and waits.
//
// Messages are gathered and shown once per frame (once per second while
// nobody looks), so that forty busy runs cost one pass over the lists a frame.

import type { EverythingEvents, Live, Present } from "$/api/live";
import type { InboxItem, RunnerSeen, Task } from "$/api/generated/proto";

const HIDDEN_MS = 1000;

export class Everything implements EverythingEvents {
  /** Newest first. Their prompts are cut; `task_show` has the whole. */
  tasks = $state.raw<Task[]>([]);
  runners = $state.raw<RunnerSeen[]>([]);
  /** Open items, oldest first. */
  inbox = $state.raw<InboxItem[]>([]);
  /** The whole present state has been told once. */
  ready = $state(false);

  #tasks = new Map<string, Task>();
  #runners = new Map<string, RunnerSeen>();
  #inbox = new Map<string, InboxItem>();
  /** Told in the round of the present state that is under way. */
  #round: Set<string> | null = null;
  #tasksChanged = false;
  #othersChanged = false;
  #scheduled = false;

  watch(live: Live): () => void {
    return live.watchAll(this);
  }

  byId(id: string): Task | undefined {
    void this.tasks; // What reads it is run again when tasks change.
    return this.#tasks.get(id);
  }

  runner(id: string): RunnerSeen | undefined {
    void this.runners;
    return this.#runners.get(id);
  }

  item(id: string): InboxItem | undefined {
    void this.inbox;
    return this.#inbox.get(id);
  }

  present(part: Present): void {
    if (part.first) {
      this.#round = new Set();
      this.#runners = new Map(part.runners.map((runner) => [runner.id, runner]));
      this.#inbox = new Map(part.inbox.map((item) => [item.id, item]));
      this.#othersChanged = true;
    }
    for (const task of part.tasks) this.#tasks.set(task.id, task);
    for (const task of part.tasks) this.#round?.add(task.id);
    this.#tasksChanged = true;
    if (part.last) {
      const told = this.#round;
      if (told) for (const id of this.#tasks.keys()) if (!told.has(id)) this.#tasks.delete(id);
      this.#round = null;
      this.#show();
      this.ready = true;
    } else {
      this.#schedule();
    }
  }

  task(task: Task): void {
    this.#tasks.set(task.id, task);
    this.#round?.add(task.id);
    this.#tasksChanged = true;
    this.#schedule();
  }

  runnerSeen(runner: RunnerSeen): void {
    this.#runners.set(runner.id, runner);
    this.#othersChanged = true;
    this.#schedule();
  }

  inboxItem(item: InboxItem): void {
    if (item.answered) this.#inbox.delete(item.id);
    else this.#inbox.set(item.id, item);
    this.#othersChanged = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (document.hidden) setTimeout(() => this.#show(), HIDDEN_MS);
    else requestAnimationFrame(() => this.#show());
  }

  #show(): void {
    this.#scheduled = false;
    if (this.#tasksChanged) {
      this.#tasksChanged = false;
      this.tasks = [...this.#tasks.values()].sort(
        (a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1),
      );
    }
    if (this.#othersChanged) {
      this.#othersChanged = false;
      this.runners = [...this.#runners.values()].sort((a, b) => a.about.name.localeCompare(b.about.name));
      this.inbox = [...this.#inbox.values()].sort((a, b) => a.asked_at - b.asked_at);
    }
  }
}
