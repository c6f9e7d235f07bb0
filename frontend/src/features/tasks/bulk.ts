// The same for many tasks: what it does, to which of them it can be done, and
// what came of it. The hub decides; what stands here only spares it requests
// that it would refuse.

import type { Client } from "$/api/client";
import { asProblem } from "$/api/errors";
import type { Problem, Reassign, Role, Task } from "$/api/generated/proto";
import { groupOf, hasEnded } from "./groups";

export type ActionName = "stop" | "again" | "reassign" | "publish" | "dismiss";
export type NewDoer = Pick<Reassign, "runner" | "agent" | "model">;

export interface Action {
  name: ActionName;
  label: string;
  role: Role;
  danger: boolean;
  /** What happens, for one and for several. */
  says(count: number): string;
  /** The task's state allows it. */
  fits(task: Task): boolean;
  /** Why those that do not fit are left out. */
  leftOut: string;
}

const many = (count: number, one: string, several: string) => (count === 1 ? one : several);

export const ACTIONS: Record<ActionName, Action> = {
  stop: {
    name: "stop",
    label: "Stop",
    role: "operator",
    danger: true,
    says: (count) =>
      many(
        count,
        "The agent is stopped and its work is rescued. Nothing is published; an open pull request stays open.",
        "The agents are stopped and their work is rescued. Nothing is published; open pull requests stay open.",
      ),
    fits: (task) => !hasEnded(task),
    leftOut: "ended already",
  },
  again: {
    name: "again",
    label: "Run again",
    role: "operator",
    danger: false,
    says: (count) =>
      many(
        count,
        "It is queued again and begins from its base.",
        "They are queued again and begin from their base.",
      ),
    fits: hasEnded,
    leftOut: "not ended yet",
  },
  reassign: {
    name: "reassign",
    label: "Re-assign",
    role: "operator",
    danger: false,
    says: (count) =>
      many(
        count,
        "If it waits, it is given away at once. If it is at work, that run is stopped and rescued first. If it has ended, it begins a new attempt.",
        "Those that wait are given away at once. Of those at work the run is stopped and rescued first. Those that have ended begin a new attempt.",
      ),
    fits: (task) => !["publishing", "in_review", "merged"].includes(task.state),
    leftOut: "being published, in review or merged",
  },
  publish: {
    name: "publish",
    label: "Publish",
    role: "approver",
    danger: false,
    says: (count) =>
      many(
        count,
        "Its branch is pushed, and a pull request is opened where the project has a forge.",
        "Their branches are pushed, and pull requests are opened where the project has a forge.",
      ),
    fits: (task) => task.state === "ready",
    leftOut: "not ready",
  },
  dismiss: {
    name: "dismiss",
    label: "Dismiss",
    role: "operator",
    danger: false,
    says: (count) =>
      many(
        count,
        "It leaves the list of what needs a person.",
        "They leave the list of what needs a person.",
      ),
    fits: (task) => hasEnded(task) && !task.dismissed && groupOf(task) === "failed",
    leftOut: "no failure to be dismissed",
  },
};

export interface Refusal {
  task: Task;
  problem: Problem;
}

export interface Report {
  done: number;
  refused: Refusal[];
}

function act(client: Client, action: ActionName, task: string, doer: NewDoer): Promise<Task> {
  switch (action) {
    case "stop":
      return client.call("task_stop", { task });
    case "again":
      return client.call("task_again", { task });
    case "reassign":
      return client.call("task_reassign", { task, ...doer });
    case "publish":
      return client.call("task_publish", { task });
    case "dismiss":
      return client.call("task_dismiss", { task });
  }
}

/** So many at once: a browser opens six connections to a host. */
const AT_ONCE = 5;

/** Does it to each; `step` is told how many are behind us. */
export async function forAll(
  client: Client,
  action: ActionName,
  tasks: readonly Task[],
  doer: NewDoer,
  step: (behind: number) => void,
): Promise<Report> {
  const report: Report = { done: 0, refused: [] };
  const left = [...tasks];
  const worker = async () => {
    for (let task = left.shift(); task; task = left.shift()) {
      try {
        await act(client, action, task.id, doer);
        report.done += 1;
      } catch (thrown) {
        report.refused.push({ task, problem: asProblem(thrown) });
      }
      step(report.done + report.refused.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, tasks.length) }, worker));
  return report;
}
