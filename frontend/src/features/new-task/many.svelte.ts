// Paste many: the text, the rows made of it, what they share, and how far
// their filing is. All of it is kept until everything is filed.

import type { Batch, NewBatch, Problem } from "$/api/generated/proto";
import { BUDGET_PROBLEM, readBudget } from "$/parts/budget";
import { Draft } from "$/state/draft.svelte";
import type { Session } from "$/state/session.svelte";
import { fileAll } from "./file";
import { filledIn, lookUp } from "./issues";
import { kindOf, readPasted, type Kind } from "./paste";
import { duplicates, rowProblems, taskOf, type Cell, type Row, type Shared } from "./rows";

const KEEP_PAUSE_MS = 500;

const PLAIN: Shared = {
  project: "",
  agent: "",
  model: "",
  mode: "auto",
  on_timeout: "proceed",
  base: "",
  hold: false,
  runner: "",
  budget: "",
};

interface Kept {
  rows: Row[];
  shared: Shared;
  name: string;
  atMost: string;
  edited: boolean;
}

export class Many {
  readonly text = new Draft("many");
  readonly #kept = new Draft("many/rows");
  /** What a person said the text is; none: guessed. */
  kind = $state<Kind | "auto">("auto");
  rows = $state.raw<Row[]>([]);
  notes = $state.raw<string[]>([]);
  unreadable = $state<string | null>(null);
  shared = $state.raw<Shared>(PLAIN);
  name = $state("");
  atMost = $state("");
  /** Rows were changed by hand: the text is not read again without being asked. */
  edited = $state(false);
  /** Issues that are still looked up. */
  looking = $state(0);
  filing = $state<{ done: number; of: number } | null>(null);
  problem = $state.raw<Problem | null>(null);
  filed = $state.raw<{ tasks: number; batches: Batch[] } | null>(null);
  #timer: ReturnType<typeof setTimeout> | null = null;
  #reading = 0;

  readonly guessed = $derived(this.text.text.trim() === "" ? null : kindOf(this.text.text));

  constructor(
    readonly session: Session,
    readonly projects: () => ReadonlySet<string>,
  ) {
    const kept = read(this.#kept.text);
    if (!kept) return;
    this.rows = kept.rows;
    this.shared = { ...PLAIN, ...kept.shared };
    this.name = kept.name;
    this.atMost = kept.atMost;
    this.edited = kept.edited;
  }

  readonly problems = $derived.by(() => {
    const known = this.projects();
    const all = new Map<string, Partial<Record<Cell, string>>>();
    for (const row of this.rows) {
      const problems = rowProblems(row, this.shared, known);
      // Said once, where one project can be chosen for all of them.
      if (!row.project && !this.shared.project) delete problems.project;
      if (Object.keys(problems).length > 0) all.set(row.id, problems);
    }
    return all;
  });

  /** Rows without a project, of their own or of all. */
  readonly homeless = $derived(this.shared.project ? 0 : this.rows.filter((row) => !row.project).length);

  readonly same = $derived(duplicates(this.rows, this.shared));

  /** Why the cap is no cap. */
  readonly capProblem = $derived(
    this.atMost.trim() === "" || /^[1-9]\d{0,5}$/.test(this.atMost.trim())
      ? null
      : "A whole number, or nothing.",
  );

  /** Why the budget is none. */
  readonly budgetProblem = $derived(readBudget(this.shared.budget) === undefined ? BUDGET_PROBLEM : null);

  /** Reads the text anew; what was changed by hand in the rows goes. */
  read(): void {
    const pasted = readPasted(this.text.text, this.kind === "auto" ? undefined : this.kind);
    this.#reading += 1;
    this.rows = pasted.rows;
    this.notes = pasted.notes;
    this.unreadable = pasted.problem;
    this.edited = false;
    this.filed = null;
    this.problem = null;
    this.keep();
    void this.lookUp();
  }

  /** Asks the hub for the issues of rows that have only a link. */
  async lookUp(): Promise<void> {
    const links = this.rows.filter((row) => row.link && !row.prompt).map(({ link }) => link);
    const reading = this.#reading;
    this.looking = links.length;
    await lookUp(this.session.client, links, (issues) => {
      if (reading !== this.#reading) return false;
      const found = new Map(issues.map((issue) => [issue.link, issue]));
      this.rows = this.rows.map((row) => {
        const issue = found.get(row.link);
        return issue && !row.prompt ? filledIn(row, issue) : row;
      });
      this.looking -= issues.length;
      this.keep();
      return true;
    });
    if (reading === this.#reading) this.looking = 0;
  }

  change(id: string, part: Partial<Row>): void {
    this.rows = this.rows.map((row) => (row.id === id ? { ...row, ...part } : row));
    this.edited = true;
    this.keep();
  }

  remove(ids: ReadonlySet<string>): void {
    this.rows = this.rows.filter((row) => !ids.has(row.id));
    this.edited = true;
    this.keep();
  }

  share(part: Partial<Shared>): void {
    this.shared = { ...this.shared, ...part };
    this.keep();
  }

  async file(): Promise<void> {
    if (this.filing || this.rows.length === 0) return;
    const tasks = this.rows.map((row) => taskOf(row, this.shared));
    const at_most = this.atMost.trim() ? Number(this.atMost) : null;
    const batch: NewBatch = { name: this.name.trim(), at_most };
    this.problem = null;
    this.filing = { done: 0, of: tasks.length };
    const { filed, problem } = await fileAll(this.session.client, tasks, batch, (done) => {
      this.filing = { done, of: tasks.length };
    });
    this.filing = null;
    this.problem = problem;
    const batches = new Map((this.filed?.batches ?? []).map((one) => [one.id, one]));
    for (const task of filed) if (task.batch) batches.set(task.batch.id, task.batch);
    const before = this.filed?.tasks ?? 0;
    if (filed.length > 0) this.filed = { tasks: before + filed.length, batches: [...batches.values()] };
    // What is filed leaves the table; what is not stays, with the ids it has.
    const done = new Set(filed.map(({ id }) => id));
    this.rows = this.rows.filter((row) => !done.has(row.id));
    if (this.rows.length === 0) this.text.clear();
    this.keep();
  }

  /** Kept a little later: a thousand rows are not written at every key. */
  keep(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.keepNow(), KEEP_PAUSE_MS);
  }

  keepNow(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const { rows, shared, name, atMost, edited } = this;
    const kept: Kept = { rows, shared, name, atMost, edited };
    try {
      this.#kept.text = rows.length === 0 && !shared.project ? "" : JSON.stringify(kept);
    } catch {
      this.#kept.clear(); // More than a browser keeps: the text is still there.
    }
  }
}

function read(text: string): Kept | null {
  if (text === "") return null;
  try {
    const kept = JSON.parse(text) as Kept;
    return Array.isArray(kept.rows) ? kept : null;
  } catch {
    return null; // Of another version of this page.
  }
}
