// A project's issues as the hub lists them, which of them are chosen, and what
// became of those that were to be filed.

import { asProblem } from "$/api/errors";
import type { Client } from "$/api/client";
import type { IssueFiled, IssueSeen, Problem, Ticket } from "$/api/generated/proto";
import { Selection } from "$/state/selection.svelte";

/** How often the hub is asked what still waits. */
const LOOK_MS = 700;

export interface Filter {
  labels: string;
  milestone: string;
  assignee: string;
  search: string;
  all: boolean;
}

export const NO_FILTER: Filter = { labels: "", milestone: "", assignee: "", search: "", all: false };

/** What became of issues that were to be filed. */
export interface Filed {
  /** Filed, or with a task under way before. */
  made: number;
  had: number;
  waiting: number;
  failed: Ticket[];
}

/** How the issues that were noted stand now that these wait. */
export function standing(noted: readonly IssueFiled[], tickets: readonly Ticket[]): Filed {
  const ours = tickets.filter((ticket) => noted.some((one) => one.task === ticket.task));
  const failed = ours.filter((ticket) => ticket.problem);
  const had = noted.filter((one) => one.standing === "has_task").length;
  const waiting = ours.length - failed.length;
  return { made: noted.length - had - ours.length, had, waiting, failed };
}

/** A task of it is under way, or it waits for one: it is not filed twice. */
export function isTaken(issue: IssueSeen): boolean {
  const over = ["merged", "closed", "published", "no_change", "failed", "cancelled"];
  const state = issue.task_state;
  return issue.waits === true || (typeof state === "string" && !over.includes(state));
}

export class Issues {
  project = $state("");
  filter = $state.raw<Filter>(NO_FILTER);
  list = $state.raw<IssueSeen[]>([]);
  loading = $state(false);
  problem = $state.raw<Problem | null>(null);
  filing = $state(false);
  filed = $state.raw<Filed | null>(null);
  readonly selection = new Selection();
  /** Of two answers that come in the wrong order the later question's counts. */
  #asked = 0;
  #gone = false;

  constructor(private readonly client: Client) {}

  /** Nobody looks any more. */
  stop(): void {
    this.#gone = true;
  }

  async load(): Promise<void> {
    const name = this.project;
    const asked = ++this.#asked;
    if (!name) {
      this.list = [];
      return;
    }
    this.loading = true;
    const { labels, milestone, assignee, search, all } = this.filter;
    const said = (word: string) => word.trim() || null;
    try {
      const list = await this.client.call("issue_list", {
        name,
        labels: said(labels),
        milestone: said(milestone),
        assignee: said(assignee),
        search: said(search),
        all,
      });
      if (asked !== this.#asked) return;
      this.list = list;
      this.problem = null;
      this.selection.keepOnly(new Set(list.map((issue) => String(issue.number))));
    } catch (thrown) {
      if (asked !== this.#asked) return;
      this.problem = asProblem(thrown);
      this.list = [];
    } finally {
      if (asked === this.#asked) this.loading = false;
    }
  }

  /** Notes the chosen ones, and waits until each was read. */
  async file(how: { text: string; hold: boolean; at_most: number | null; again: boolean }): Promise<void> {
    const numbers = [...this.selection.ids].map(Number);
    this.filing = true;
    this.filed = null;
    try {
      const noted = await this.client.call("issue_file", {
        name: this.project,
        numbers,
        again: how.again,
        how: { hold: how.hold, text: how.text.trim() || null },
        batch: { name: `Issues of ${this.project}`, at_most: how.at_most },
      });
      this.selection.clear();
      this.problem = null;
      await this.#follow(noted);
      await this.load();
    } catch (thrown) {
      this.problem = asProblem(thrown);
    } finally {
      this.filing = false;
    }
  }

  async #follow(noted: readonly IssueFiled[]): Promise<void> {
    for (;;) {
      this.filed = standing(noted, await this.client.call("ticket_list", {}));
      if (this.filed.waiting === 0 || this.#gone) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}
