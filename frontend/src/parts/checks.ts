// How the checks of a pull request look, all of them together or each.

import CircleCheck from "@lucide/svelte/icons/circle-check";
import CircleDashed from "@lucide/svelte/icons/circle-dashed";
import CircleX from "@lucide/svelte/icons/circle-x";
import Hand from "@lucide/svelte/icons/hand";
import type { Checks, ChecksState } from "$/api/generated/proto";
import type { Icon } from "$/ui/icon";

export interface CheckLook {
  icon: Icon;
  tone: "ok" | "wait" | "fail" | "none";
  /** Of one: `has passed`. */
  word: string;
}

const LOOKS: Record<ChecksState, CheckLook> = {
  pending: { icon: CircleDashed, tone: "wait", word: "runs" },
  passed: { icon: CircleCheck, tone: "ok", word: "has passed" },
  failed: { icon: CircleX, tone: "fail", word: "has failed" },
  held: { icon: Hand, tone: "wait", word: "waits for approval" },
  unknown: { icon: CircleDashed, tone: "none", word: "says nothing that is known" },
};

export function checkLook(state: ChecksState): CheckLook {
  return (LOOKS[state] as CheckLook | undefined) ?? LOOKS.unknown;
}

/** All of them in a few words. */
export function checksWords({ state, total, failed }: Pick<Checks, "state" | "total" | "failed">): string {
  switch (state) {
    case "failed":
      return `${failed} of ${total} checks failed`;
    case "passed":
      return "checks passed";
    case "pending":
      return "checks run";
    case "held":
      return "checks wait for approval";
    default:
      return "checks unknown";
  }
}
