// The form of one task, or of several tries at it. It is kept while it is
// written, and makes the tasks with ids of its own choice.

import type { Attachment, Limits, Mode, NewTask, OnTimeout, Profile } from "$/api/generated/proto";
import { BUDGET_PROBLEM, readBudget } from "$/parts/budget";
import { Draft } from "$/state/draft.svelte";
import { taskId } from "./ids";
import { issueNumber } from "./issues";
import type { Prefill } from "./prefill";
import { DEFAULT_LIMITS, promptProblem } from "./rows";

/** Who does it; empty: as the project says. */
export interface Doer {
  agent: string;
  model: string;
}

export interface Options {
  project: string;
  title: string;
  doers: Doer[];
  /** Empty: the project's. */
  profile: string;
  /** Empty: the profile's, or the first that fits. */
  provider: string;
  /** Empty: as profile and project say. */
  remote_control: "" | "yes" | "no";
  /** Mode or limits as a person chose them here: they count over a profile's. */
  said: { mode: boolean; limits: boolean };
  mode: Mode;
  on_timeout: OnTimeout;
  limits: Limits;
  /** Dollars; empty: as much as it takes. */
  budget: string;
  base: string;
  issue: string;
  hold: boolean;
  /** Agent that looks at the work before it is published; empty: as the project says. */
  reviewer: string;
  reviewerModel: string;
  reviewRounds: number;
  runner: string;
  attachments: Attachment[];
}

/** More tries at the same are no comparison any more. */
export const MOST_DOERS = 8;

const PLAIN: Options = {
  project: "",
  title: "",
  doers: [{ agent: "", model: "" }],
  profile: "",
  provider: "",
  remote_control: "",
  said: { mode: false, limits: false },
  mode: "auto",
  on_timeout: "proceed",
  limits: DEFAULT_LIMITS,
  budget: "",
  base: "",
  issue: "",
  hold: false,
  reviewer: "",
  reviewerModel: "",
  reviewRounds: 1,
  runner: "",
  attachments: [],
};

function read(text: string): Options {
  try {
    return text === "" ? PLAIN : { ...PLAIN, ...(JSON.parse(text) as Partial<Options>) };
  } catch {
    return PLAIN; // Of another version of this page.
  }
}

export class TaskForm {
  readonly prompt: Draft;
  readonly #kept: Draft;
  options = $state.raw<Options>(PLAIN);
  #tried = { said: "", ids: [] as string[], group: "" };

  /** `linked`: what a link filled in is kept apart from what a person was writing. */
  constructor(linked: boolean) {
    this.prompt = new Draft(linked ? "new/linked" : "new");
    this.#kept = new Draft(linked ? "new/linked/options" : "new/options");
    this.options = read(this.#kept.text);
  }

  set(change: Partial<Options>): void {
    const { said } = this.options;
    const mode = said.mode || change.mode !== undefined;
    const limits = said.limits || change.limits !== undefined || change.budget !== undefined;
    this.options = { ...this.options, ...change, said: { mode, limits } };
    this.#kept.text = JSON.stringify(this.options);
  }

  fill(from: Prefill): void {
    const { doers, project } = this.options;
    const doer = from.agent || from.model ? [{ agent: from.agent, model: from.model }] : doers.slice(0, 1);
    this.prompt.text = from.prompt;
    const issue = from.issue;
    this.set({
      title: "",
      issue,
      doers: doer,
      ...(from.mode ? { mode: from.mode } : {}),
      project: from.project || project,
      attachments: [],
    });
  }

  /** It was filed: where and how stay, for the next one. */
  filed(): void {
    this.prompt.clear();
    this.set({ title: "", issue: "", attachments: [], base: "", doers: this.options.doers.slice(0, 1) });
    this.#tried = { said: "", ids: [], group: "" };
  }

  /** What keeps it from being filed, by field. */
  problems(agentOfProject: string): Partial<Record<"project" | "prompt" | "issue" | "budget", string>> {
    const problems: ReturnType<TaskForm["problems"]> = {};
    const { project, doers, issue, budget } = this.options;
    if (!project) problems.project = "Choose a project.";
    const scripted = doers.every(({ agent }) => (agent || agentOfProject) === "scripted");
    const prompt = promptProblem(this.prompt.text);
    // The built-in agent has a script for when it is told nothing.
    if (prompt && !(scripted && this.prompt.text.trim() === "")) problems.prompt = prompt;
    if (issue.trim() && issueNumber(issue) === null)
      problems.issue = "An issue is a number, or the link of its page.";
    if (readBudget(budget) === undefined) problems.budget = BUDGET_PROBLEM;
    return problems;
  }

  /**
   * One task, or one per doer in a group. Asked again for the same, it makes
   * the same ids: what was filed although the answer was lost is not filed twice.
   * `profile` says what was not chosen here, if there is one.
   */
  tasks(attachments: Attachment[], profile: Profile | null = null): NewTask[] {
    const { options } = this;
    const said = JSON.stringify([this.prompt.text, options, attachments]);
    if (this.#tried.said !== said) {
      const group = options.doers.length > 1 ? crypto.randomUUID() : "";
      this.#tried = { said, ids: options.doers.map(() => taskId()), group };
    }
    const orNull = (text: string) => text.trim() || null;
    return options.doers.map(({ agent, model }, index) => ({
      id: this.#tried.ids[index] ?? taskId(),
      project: options.project,
      prompt: this.prompt.text,
      title: orNull(options.title),
      base: orNull(options.base),
      agent: orNull(agent),
      model: orNull(model),
      profile: orNull(options.profile),
      provider: orNull(options.provider),
      remote_control: options.remote_control === "" ? null : options.remote_control === "yes",
      mode: profile && !options.said.mode ? null : options.mode,
      on_timeout: options.on_timeout,
      limits:
        profile && !options.said.limits
          ? null
          : { ...options.limits, budget_micros: readBudget(options.budget) ?? null },
      issue: options.issue.trim() ? issueNumber(options.issue) : null,
      attachments,
      hold: options.hold,
      review: options.reviewer
        ? {
            agent: options.reviewer,
            model: orNull(options.reviewerModel),
            rounds: options.reviewRounds,
          }
        : null,
      runner: orNull(options.runner),
      group: this.#tried.group || null,
    }));
  }
}
