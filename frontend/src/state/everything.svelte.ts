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
  /** Changed since they were shown. */
  #changed = new Set<string>();
  /** Place of each in `tasks`; null when their order is to be found anew. */
  #places: Map<string, number> | null = null;
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
    for (const task of part.tasks) this.#take(task);
    if (part.last) {
      this.#forgetUntold();
      this.#show();
      this.ready = true;
    } else {
      this.#schedule();
    }
  }

  task(task: Task): void {
    this.#take(task);
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

  #take(task: Task): void {
    if (this.#tasks.get(task.id)?.created_at !== task.created_at) this.#places = null;
    this.#tasks.set(task.id, task);
    this.#changed.add(task.id);
    this.#round?.add(task.id);
  }

  #forgetUntold(): void {
    const told = this.#round;
    this.#round = null;
    for (const id of this.#tasks.keys()) {
      if (!told || told.has(id)) continue;
      this.#tasks.delete(id);
      this.#changed.add(id);
      this.#places = null;
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (document.hidden) setTimeout(() => this.#show(), HIDDEN_MS);
    else requestAnimationFrame(() => this.#show());
  }

  #show(): void {
    this.#scheduled = false;
    if (this.#changed.size > 0) {
      this.tasks = this.#places ? this.#replaced(this.#places) : this.#sorted();
      this.#changed.clear();
    }
    if (this.#othersChanged) {
      this.#othersChanged = false;
      this.runners = [...this.#runners.values()].sort((a, b) => a.about.name.localeCompare(b.about.name));
      this.inbox = [...this.#inbox.values()].sort((a, b) => a.asked_at - b.asked_at);
    }
  }

  /** A new list in the same order: what a busy run tells changes no place. */
  #replaced(places: ReadonlyMap<string, number>): Task[] {
    const tasks = this.tasks.slice();
    for (const id of this.#changed) {
      const [place, task] = [places.get(id), this.#tasks.get(id)];
      if (place !== undefined && task) tasks[place] = task;
    }
    return tasks;
  }

  #sorted(): Task[] {
    const tasks = [...this.#tasks.values()].sort(
      (a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1),
    );
    this.#places = new Map(tasks.map((task, place) => [task.id, place]));
    return tasks;
  }
}
