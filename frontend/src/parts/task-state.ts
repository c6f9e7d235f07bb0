// States of a task in words, with the tone and the icon that go with them.

import CircleDashed from "@lucide/svelte/icons/circle-dashed";
import CircleDot from "@lucide/svelte/icons/circle-dot";
import CircleOff from "@lucide/svelte/icons/circle-off";
import CircleQuestionMark from "@lucide/svelte/icons/circle-question-mark";
import CircleSlash from "@lucide/svelte/icons/circle-slash";
import CircleX from "@lucide/svelte/icons/circle-x";
import GitBranch from "@lucide/svelte/icons/git-branch";
import GitMerge from "@lucide/svelte/icons/git-merge";
import GitPullRequest from "@lucide/svelte/icons/git-pull-request";
import GitPullRequestClosed from "@lucide/svelte/icons/git-pull-request-closed";
import Hand from "@lucide/svelte/icons/hand";
import PackageCheck from "@lucide/svelte/icons/package-check";
import Upload from "@lucide/svelte/icons/upload";
import type { Need, Phase, Task } from "$/api/generated/proto";
import type { Icon, Tone } from "$/ui/icon";

export type TaskState = Task["state"];

export interface StateLook {
  label: string;
  tone: Tone;
  icon: Icon;
}

export const STATE_LOOKS: Record<TaskState, StateLook> = {
  needs_you: { label: "Needs you", tone: "wait", icon: CircleQuestionMark },
  ready: { label: "Ready", tone: "accent", icon: Hand },
  working: { label: "Working", tone: "info", icon: CircleDot },
  leased: { label: "Starting", tone: "info", icon: CircleDashed },
  queued: { label: "Queued", tone: "neutral", icon: CircleDashed },
  publishing: { label: "Publishing", tone: "info", icon: Upload },
  in_review: { label: "In review", tone: "accent", icon: GitPullRequest },
  failed: { label: "Failed", tone: "fail", icon: CircleX },
  published: { label: "Published", tone: "ok", icon: GitBranch },
  merged: { label: "Merged", tone: "ok", icon: GitMerge },
  closed: { label: "Closed", tone: "neutral", icon: GitPullRequestClosed },
  no_change: { label: "No change", tone: "neutral", icon: CircleSlash },
  cancelled: { label: "Cancelled", tone: "neutral", icon: CircleOff },
};

/** A state of a newer hub is shown by its name. */
export function lookOf(state: string): StateLook {
  const known = STATE_LOOKS[state as TaskState] as StateLook | undefined;
  return known ?? { label: state.replaceAll("_", " "), tone: "neutral", icon: PackageCheck };
}

/** Nothing more will happen by itself. */
export const ENDED: ReadonlySet<TaskState> = new Set<TaskState>([
  "merged",
  "closed",
  "published",
  "no_change",
  "failed",
  "cancelled",
]);

export const PHASE_WORDS: Record<Phase, string> = {
  preparing: "Preparing",
  cloning: "Cloning",
  setting_up: "Setting up",
  agent_running: "Agent at work",
  awaiting_answer: "Waiting for an answer",
  taken_over: "Taken over",
  reviewing: "Under review",
  collecting: "Collecting",
  pushing: "Pushing",
  cleaning: "Cleaning up",
  finished: "Finished",
  unknown: "Working",
};

export const NEED_WORDS: Record<Need, string> = {
  question: "Question",
  permission: "Permission",
  plan: "Plan to approve",
  interrupted: "Interrupted",
  quota: "Out of quota",
  network: "Host refused",
  hands_on: "Work for you",
  feedback: "Feedback",
  ci: "CI to let run",
  takeover: "Take over",
  unknown: "Needs you",
};
