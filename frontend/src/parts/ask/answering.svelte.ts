// Answering one inbox item. It outlives the card that shows it, so that what
// was typed and chosen is still there after a look elsewhere, a reload, or a
// hub that vanished in mid-answer. The item itself is closed by the hub only.

import type { Client } from "$/api/client";
import type { Answer, InboxId, InboxItem } from "$/api/generated/proto";
import { Doing } from "$/state/doing.svelte";
import { Draft } from "$/state/draft.svelte";

/** Which part of the card is open. */
export type Opened = "nothing" | "deny" | "edit" | "more";

export class Answering extends Doing<"answer"> {
  /** The hub has it; the item closes when the run has heard it. */
  sent = $state.raw<Answer | null>(null);
  opened = $state<Opened>("nothing");
  #drafts = new Map<string, Draft>();

  constructor(readonly item: InboxId) {
    super();
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
  send(client: Client, answer: Answer): Promise<boolean> {
    return this.run("answer", async () => {
      await client.call("inbox_answer", { item: this.item, ...answer });
      this.sent = answer;
      this.opened = "nothing";
      for (const draft of this.#drafts.values()) draft.clear();
    });
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
