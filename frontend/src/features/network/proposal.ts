// A proposed policy beside the one the project has: what it would add, what of
// the project's own was not needed.

import type { NetworkPolicy, NetworkPreset } from "$/api/generated/proto";

export interface RuleLine {
  rule: string;
  change: "added" | "same" | "unused";
}

export interface Difference {
  rules: RuleLine[];
  /** Rules to add. */
  added: string[];
  /** Presets that were used and are off. They are switched on in the project. */
  presets: NetworkPreset[];
  /** Presets that are on and were not used. */
  unused: NetworkPreset[];
}

export function differenceOf(policy: NetworkPolicy, proposal: NetworkPolicy): Difference {
  const [has, wants] = [new Set(policy.allow), new Set(proposal.allow)];
  const all = [...new Set([...policy.allow, ...proposal.allow])].sort();
  const rules = all.map((rule): RuleLine => {
    const change = !has.has(rule) ? "added" : wants.has(rule) ? "same" : "unused";
    return { rule, change };
  });
  return {
    rules,
    added: rules.filter(({ change }) => change === "added").map(({ rule }) => rule),
    presets: proposal.presets.filter((preset) => !policy.presets.includes(preset)),
    unused: policy.presets.filter((preset) => !proposal.presets.includes(preset)),
  };
}
