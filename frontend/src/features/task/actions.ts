// What a person can do to a task where it stands, and in which role. The hub
// decides in the end; this only leaves out what it would refuse.

import type { Role, Task } from "$/api/generated/proto";
import { ENDED } from "$/parts/task-state";

export type ActionName =
  | "publish"
  | "keep"
  | "done"
  | "resume"
  | "retry"
  | "again"
  | "interrupt"
  | "reassign"
  | "pull_request"
  | "dismiss"
  | "stop"
  | "kill";

export interface Action {
  name: ActionName;
  label: string;
  /** What tells it apart from the actions beside it. */
  hint: string;
  keys: string;
  role: Role;
  /** The one that fits best here: comes first and stands out. */
  fitting: boolean;
  danger: boolean;
  /** Asked before it is done; none: it is done at once. */
  confirm: { title: string; text: string; verb: string } | null;
}

const KEYS: Record<ActionName, string> = {
  publish: "Shift+P",
  keep: "Shift+K",
  done: "Shift+F",
  resume: "Shift+C",
  retry: "Shift+E",
  again: "Shift+R",
  interrupt: "Shift+I",
  reassign: "Shift+A",
  pull_request: "Shift+O",
  dismiss: "Shift+D",
  stop: "Shift+X",
  kill: "Shift+Q",
};

/** The three ways on, each in a line. */
const HINTS: Partial<Record<ActionName, string>> = {
  resume: "Goes on in its session, with its work, where it was.",
  retry: "Tree and session as they were when a turn ended; you may edit what came next.",
  again: "Starts over: fresh workspace, fresh session, the task's own prompt.",
};

/** Failures after which going on makes more sense than starting over. */
const GO_ON = new Set([
  "agent_limit",
  "limit_reached",
  "unanswered",
  "agent_failed",
  "agent_crashed",
  "run_lost",
  "push_rejected",
  "denied",
]);

export function actionsOf(task: Task, may: (role: Role) => boolean): Action[] {
  return possible(task)
    .filter((action) => may(action.role))
    .sort((a, b) => Number(b.fitting) - Number(a.fitting));
}

function possible(task: Task): Action[] {
  const actions: Action[] = [];
  const over = ENDED.has(task.state);
  const begun = task.attempts > 0;
  if (task.state === "ready") actions.push(task.group === null ? publish() : keep());
  if (isAtWork(task) && isDrivenByAPerson(task)) actions.push(done());
  if (isAtWork(task)) actions.push(plain("interrupt", "Interrupt", "operator"));
  if (over || task.state === "in_review") {
    if (begun) actions.push({ ...plain("resume", "Continue", "operator"), fitting: goesOn(task) });
  }
  if (begun && canRetry(task)) actions.push(plain("retry", "Retry from a turn…", "operator"));
  if (over)
    actions.push({
      ...plain("again", "Run again", "operator"),
      fitting: startsOver(task),
      confirm: again(task),
    });
  if (task.state !== "publishing" && task.state !== "in_review") {
    actions.push({ ...plain("reassign", "Re-assign…", "operator") });
  }
  if (task.pull_request) actions.push(plain("pull_request", "Open pull request", "viewer"));
  if (over && !task.dismissed) actions.push(plain("dismiss", "Dismiss", "operator"));
  if (!over) actions.push(stop(task));
  if (task.state === "working" || task.state === "needs_you") actions.push(kill());
  return actions;
}

/** An agent is in a turn, or waits for an answer within one. */
function isAtWork(task: Task): boolean {
  if (task.state === "needs_you") return task.need !== "interrupted";
  return task.state === "working" && (task.phase === "agent_running" || task.phase === "awaiting_answer");
}

/** Only a person knows when such work is done. */
function isDrivenByAPerson(task: Task): boolean {
  return task.agent === "hands-on" || task.remote_control;
}

/** A run at work is ended for it; what is being published, or was merged, is not taken back. */
function canRetry(task: Task): boolean {
  return !["queued", "leased", "publishing", "merged"].includes(task.state);
}

function goesOn(task: Task): boolean {
  return task.state === "failed" && task.attempts > 0 && GO_ON.has(task.problem.code);
}

function startsOver(task: Task): boolean {
  if (task.state === "failed") return !goesOn(task);
  return task.state === "cancelled" || task.state === "no_change";
}

function plain(name: ActionName, label: string, role: Role): Action {
  const hint = HINTS[name] ?? "";
  return { name, label, hint, keys: KEYS[name], role, fitting: false, danger: false, confirm: null };
}

function publish(): Action {
  return {
    ...plain("publish", "Publish", "approver"),
    fitting: true,
    confirm: {
      title: "Publish this work?",
      text: "Its branch is pushed and, where the project has a forge, a pull request is opened.",
      verb: "Publish",
    },
  };
}

function keep(): Action {
  return {
    ...plain("keep", "Keep this one", "approver"),
    fitting: true,
    confirm: {
      title: "Keep this one?",
      text: "It is published. The other tasks of its group are stopped; their work is rescued.",
      verb: "Keep it",
    },
  };
}

function done(): Action {
  return {
    ...plain("done", "Done", "operator"),
    fitting: true,
    confirm: {
      title: "Is the work done?",
      text: "What is in the workspace is collected, committed and published as usual.",
      verb: "It is done",
    },
  };
}

function again(task: Task): Action["confirm"] {
  if (task.diff.files === 0 && task.pull_request === null) return null;
  return {
    title: "Run it again from its base?",
    text: "It starts over without the work of the last run, which stays rescued. To go on with that work, use Continue.",
    verb: "Start over",
  };
}

function stop(task: Task): Action {
  const queued = task.state === "queued";
  return {
    ...plain("stop", "Stop", "operator"),
    danger: true,
    confirm: {
      title: "Stop this task?",
      text: queued
        ? "It has not begun; it is taken out of the queue."
        : "The agent is ended and nothing more is published. Its work so far is rescued first.",
      verb: "Stop the task",
    },
  };
}

function kill(): Action {
  return {
    ...plain("kill", "Kill", "operator"),
    danger: true,
    confirm: {
      title: "Kill this task's agent?",
      text: "It is ended at once and not asked to end, also where it is being stopped and takes its time. Its work so far is rescued, nothing is published.",
      verb: "Kill it",
    },
  };
}
