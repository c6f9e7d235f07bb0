// A profile as it stands in the form, and back; and in one line.

import type { Limits, Mode, Profile } from "$/api/generated/proto";
import { readBudget } from "$/parts/budget";
import { money } from "$/parts/words";

export interface ProfileFields {
  name: string;
  agent: string;
  /** Empty: the first that fits. */
  provider: string;
  model: string;
  /** Empty: as the task says. */
  mode: Mode | "";
  /** As typed; empty: the product's. */
  minutes: string;
  budget: string;
  remote_control: boolean;
}

/** The hub's own, so that a profile changes only what it names. */
const LIMITS: Limits = {
  agent_secs: 8 * 3600,
  setup_secs: 3600,
  answer_secs: 3600,
  stall_secs: 180,
  quota_secs: 6 * 3600,
  budget_micros: null,
};

export const MODE_WORDS: Record<Mode, string> = {
  auto: "by itself",
  ask: "asks first",
  plan: "plans first",
};

export function profileFields(profile: Profile | null): ProfileFields {
  const limits = profile?.limits ?? null;
  const budget = limits?.budget_micros ?? null;
  return {
    name: profile?.name ?? "",
    agent: profile?.agent ?? "claude",
    provider: profile?.provider ?? "",
    model: profile?.model ?? "",
    mode: profile?.mode ?? "",
    minutes:
      limits && limits.agent_secs !== LIMITS.agent_secs ? String(Math.round(limits.agent_secs / 60)) : "",
    budget: budget === null ? "" : String(budget / 1_000_000),
    remote_control: profile?.remote_control ?? false,
  };
}

export function profileOf(fields: ProfileFields, before: Profile | null): Profile {
  const minutes = Number(fields.minutes);
  const budget_micros = readBudget(fields.budget) ?? null;
  const says = fields.minutes.trim() !== "" || budget_micros !== null || before?.limits;
  const agent_secs = fields.minutes.trim() && minutes >= 1 ? Math.round(minutes * 60) : LIMITS.agent_secs;
  return {
    name: fields.name.trim(),
    agent: fields.agent,
    provider: fields.provider || null,
    model: fields.model.trim() || null,
    mode: fields.mode || null,
    limits: says ? { ...LIMITS, ...before?.limits, agent_secs, budget_micros } : null,
    remote_control: fields.agent === "claude" && fields.remote_control,
  };
}

export function profileWords(profile: Profile): string {
  const { provider, model, mode, limits, remote_control } = profile;
  const budget = money(limits?.budget_micros ?? null);
  const words = [
    provider ? `login of ${provider}` : "login of the first provider that fits",
    model ?? "",
    mode ? MODE_WORDS[mode] : "",
    limits && limits.agent_secs !== LIMITS.agent_secs
      ? `at most ${Math.round(limits.agent_secs / 60)} minutes`
      : "",
    budget ? `at most ${budget}` : "",
    remote_control ? "Remote Control" : "",
  ];
  return words.filter((word) => word !== "").join(" · ");
}
