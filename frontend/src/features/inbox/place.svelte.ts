// Where a person is in the inbox, and what became of what they were at: an
// item that was answered here gives way to the next one; one that was answered
// elsewhere stays until they have read by whom.

import type { InboxItem } from "$/api/generated/proto";
import { answering, forget } from "$/parts/ask/answering.svelte";
import type { Session } from "$/state/session.svelte";
import { needOf, nextAfter, step, type Need } from "./needs";

/** What a person was at and somebody else, or time, has dealt with. */
export interface Gone {
  need: Need;
  /** As it was answered, once the hub has told. */
  item: InboxItem | null;
  /** What had been typed for it. */
  typed: string;
}

export class Place {
  gone = $state.raw<Gone | null>(null);
  #before: Need[] = [];
  #here: Need | null = null;
  /** Tasks for which something was done here: their leaving is no surprise. */
  #done = new Set<string>();

  constructor(
    readonly session: Session,
    readonly go: (id: string | null) => void,
  ) {}

  /** Something was done about it here; it leaves the list when the hub says so. */
  did(id: string): void {
    this.#done.add(id);
  }

  select(id: string | null): void {
    this.gone = null;
    this.go(id);
  }

  step(all: readonly Need[], from: string | null, by: 1 | -1): void {
    const id = step(all, from, by);
    if (id) this.select(id);
  }

  /** The list, or where the person is in it, has changed. */
  changed(all: Need[], chosen: string | null): void {
    const here = needOf(all, chosen) ?? null;
    const was = this.#here;
    const left = !here && was !== null && needOf([was], chosen) === was;
    if (left && this.gone?.need.id !== was.id) this.#left(was, all);
    if (here) {
      this.#here = here;
      this.#before = all;
      if (this.gone) this.gone = null;
    }
  }

  #left(need: Need, all: Need[]): void {
    if (this.#isMine(need)) {
      if (need.kind === "ask") forget(need.id);
      this.#here = null;
      this.go(nextAfter(this.#before, all, need.id));
      return;
    }
    this.gone = { need, item: null, typed: typedFor(need) };
    if (need.kind === "ask") void this.#ask(need.item);
  }

  /** It was dealt with here; of refused hosts nobody waits to hear by whom. */
  #isMine(need: Need): boolean {
    if (need.kind === "network") return true;
    return need.kind === "ask" ? answering(need.item).sent !== null : this.#done.delete(need.id);
  }

  async #ask({ id, task }: InboxItem): Promise<void> {
    const items = await this.session.client.call("inbox_list", { task, all: true }).catch(() => []);
    const item = items.find((one) => one.id === id) ?? null;
    if (this.gone?.need.id === id) this.gone = { ...this.gone, item };
  }
}

/** Free text only: a choice or an edit of a question that is over helps nobody. */
function typedFor(need: Need): string {
  if (need.kind !== "ask") return "";
  const under = answering(need.item);
  return ["reason", "comment", "say"].map((name) => under.draft(name).text.trim()).find(Boolean) ?? "";
}
