// Answering one inbox item. It outlives the card that shows it, so that what
// was typed and chosen is still there after a look elsewhere, a reload, or a
// hub that vanished in mid-answer. The item itself is closed by the hub only.

import type { Client } from "$/api/client";
import { asProblem, passes } from "$/api/errors";
import type { Answer, InboxId, InboxItem, Problem } from "$/api/generated/proto";
import { Draft } from "$/state/draft.svelte";

/** Which part of the card is open. */
export type Opened = "nothing" | "deny" | "edit";

export class Answering {
  /** It is being sent. */
  busy = $state(false);
  /** Why the last answer did not arrive. */
  problem = $state.raw<Problem | null>(null);
  /** The hub has it; the item closes when the run has heard it. */
  sent = $state.raw<Answer | null>(null);
  opened = $state<Opened>("nothing");
  #drafts = new Map<string, Draft>();

  constructor(readonly item: InboxId) {}

  /** The hub or the way to it is lost: what was said stays and can be sent again. */
  get lost(): boolean {
    return this.problem !== null && passes(this.problem);
  }

  /** Somebody else, or the default, was faster. */
  get gone(): boolean {
    return (
      this.problem !== null && (this.problem.code === "precondition" || this.problem.code === "not_found")
    );
  }

  /** What is typed for this item under `name`. */
  draft(name: string): Draft {
    const known = this.#drafts.get(name);
    if (known) return known;
    const draft = new Draft(`answer/${this.item}/${name}`);
    this.#drafts.set(name, draft);
    return draft;
  }

  /** True once the hub has taken it. Nothing typed is dropped before that. */
  async send(client: Client, answer: Answer): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.problem = null;
    try {
      await client.call("inbox_answer", { item: this.item, ...answer });
      this.sent = answer;
      this.opened = "nothing";
      for (const draft of this.#drafts.values()) draft.clear();
      return true;
    } catch (thrown) {
      this.problem = asProblem(thrown);
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** The run never confirmed what was sent: answer once more. */
  again(): void {
    this.sent = null;
    this.problem = null;
  }
}

/** Answers under way, by item. Small, and dropped when the item is answered. */
const underWay = new Map<InboxId, Answering>();

/** The one `Answering` of an item, for its card and for the keys of a list. */
export function answering(item: Pick<InboxItem, "id">): Answering {
  const known = underWay.get(item.id);
  if (known) return known;
  const fresh = new Answering(item.id);
  underWay.set(item.id, fresh);
  return fresh;
}

/** The item is closed: nothing more is kept of it. */
export function forget(item: InboxId): void {
  underWay.delete(item);
}
