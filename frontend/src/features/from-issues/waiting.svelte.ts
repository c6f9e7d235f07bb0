// Issues of a project that are on their way to becoming tasks, and those that
// came to nothing: until somebody files them again, or forgets them.

import { asProblem } from "$/api/errors";
import type { Client } from "$/api/client";
import type { Problem, Ticket } from "$/api/generated/proto";

/** How often the hub is asked while something is on its way. */
const LOOK_MS = 2000;

export function whyOf({ cause }: Ticket): string {
  switch (cause.cause) {
    case "person":
      return `chosen by ${cause.who}`;
    case "label":
      return `label ${cause.label}`;
    case "comment":
      return `comment of ${cause.author}`;
    case "comments":
      return "its comments are read";
    case "unknown":
      return "";
  }
}

export class Waiting {
  tickets = $state.raw<Ticket[]>([]);
  problem = $state.raw<Problem | null>(null);
  /** The key of the one that something is done with. */
  busy = $state<string | null>(null);
  readonly failed = $derived(this.tickets.filter((ticket) => ticket.problem));
  readonly under = $derived(this.tickets.filter((ticket) => !ticket.problem));
  #project = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;

  constructor(private readonly client: Client) {}

  /** Looks at this project's from now on. */
  async of(project: string): Promise<void> {
    if (project !== this.#project) this.tickets = [];
    this.#project = project;
    await this.look();
  }

  /** Nobody looks any more. */
  stop(): void {
    this.#asked += 1;
    clearTimeout(this.#timer);
  }

  async look(): Promise<void> {
    clearTimeout(this.#timer);
    const asked = ++this.#asked;
    try {
      const all = await this.client.call("ticket_list", {});
      if (asked !== this.#asked) return;
      this.tickets = all.filter((ticket) => ticket.project === this.#project);
      this.problem = null;
    } catch (thrown) {
      if (asked !== this.#asked) return;
      this.problem = asProblem(thrown);
    }
    if (this.under.length > 0) this.#timer = setTimeout(() => void this.look(), LOOK_MS);
  }

  /** Wants it once more, as it was wanted. */
  async again(ticket: Ticket): Promise<void> {
    await this.#with(ticket, async () => {
      const { number, how } = ticket;
      await this.client.call("issue_file", { name: ticket.project, numbers: [number], how });
      // A person's wish has a key of its own, unless it was one before.
      if (ticket.cause.cause !== "person") await this.client.call("ticket_drop", { key: ticket.key });
    });
  }

  async forget(ticket: Ticket): Promise<void> {
    await this.#with(ticket, () => this.client.call("ticket_drop", { key: ticket.key }));
  }

  async #with(ticket: Ticket, act: () => Promise<unknown>): Promise<void> {
    this.busy = ticket.key;
    try {
      await act();
      await this.look();
    } catch (thrown) {
      this.problem = asProblem(thrown);
    } finally {
      this.busy = null;
    }
  }
}
