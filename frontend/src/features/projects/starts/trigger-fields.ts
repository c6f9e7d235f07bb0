// What makes a project's issues tasks, as it stands in the form, and back.

import type { IntakePolicy, Mode } from "$/api/generated/proto";

export interface TriggerFields {
  /** Empty: no label does. */
  label: string;
  comments: boolean;
  way: IntakePolicy["way"];
  /** Seconds between two looks. */
  every: string;
  /** Empty: the project's. */
  agent: string;
  model: string;
  mode: Mode | "";
  profile: string;
  hold: boolean;
  text: string;
  /** Label that an issue has while its task is under way; empty: none. */
  statusLabel: string;
  statusComment: boolean;
}

/** As the hub takes it: a forge with a limit is not asked more often. */
const FASTEST = 5;

export function triggerFieldsOf(policy: IntakePolicy | null): TriggerFields {
  const how = policy?.how;
  return {
    label: policy?.label ?? "",
    comments: policy?.comments ?? false,
    way: policy?.way ?? "poll",
    every: String(policy?.poll_secs ?? 60),
    agent: how?.agent ?? "",
    model: how?.model ?? "",
    mode: how?.mode ?? "",
    profile: how?.profile ?? "",
    hold: how?.hold ?? false,
    text: how?.text ?? "",
    statusLabel: policy?.status.label ?? "",
    statusComment: policy?.status.comment ?? false,
  };
}

const word = (text: string) => text.trim() || null;

export function policyOf(project: string, fields: TriggerFields): IntakePolicy {
  return {
    project,
    label: word(fields.label),
    comments: fields.comments,
    way: fields.way,
    poll_secs: Number(fields.every.trim()) || 60,
    how: {
      agent: word(fields.agent),
      model: word(fields.model),
      mode: fields.mode || null,
      profile: word(fields.profile),
      hold: fields.hold,
      text: word(fields.text),
    },
    status: { label: word(fields.statusLabel), comment: fields.statusComment },
  };
}

export type TriggerField = "label" | "statusLabel" | "every";

/** What keeps it from being saved, by field. */
export function triggerProblems(fields: TriggerFields): Partial<Record<TriggerField, string>> {
  const problems: Partial<Record<TriggerField, string>> = {};
  for (const field of ["label", "statusLabel"] as const) {
    if (fields[field].includes(",")) problems[field] = "One label; a name with a comma cannot be asked for.";
  }
  const seconds = fields.every.trim();
  if (fields.way === "poll" && (!/^\d{1,6}$/.test(seconds) || Number(seconds) < FASTEST)) {
    problems.every = `A whole number of seconds, from ${FASTEST} on.`;
  }
  return problems;
}

/** It does nothing at all. */
export function isIdle(fields: TriggerFields): boolean {
  const says = fields.statusLabel.trim() !== "" || fields.statusComment;
  return fields.label.trim() === "" && !fields.comments && !says && fields.way === "poll";
}
