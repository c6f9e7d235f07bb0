// The kinds of moments, each on a line of its own.

import CircleQuestionMark from "@lucide/svelte/icons/circle-question-mark";
import FileDiff from "@lucide/svelte/icons/file-diff";
import Flag from "@lucide/svelte/icons/flag";
import MessageSquare from "@lucide/svelte/icons/message-square";
import Wrench from "@lucide/svelte/icons/wrench";
import type { Moment, MomentKind } from "$/api/generated/proto";
import type { Icon } from "$/ui/icon";

export interface Lane {
  name: string;
  icon: Icon;
  kinds: readonly MomentKind[];
}

export const LANES: readonly Lane[] = [
  { name: "Steps", icon: Flag, kinds: ["phase", "end", "unknown"] },
  { name: "Turns", icon: MessageSquare, kinds: ["turn"] },
  { name: "Tools", icon: Wrench, kinds: ["tool"] },
  { name: "Questions", icon: CircleQuestionMark, kinds: ["asked"] },
  { name: "Changes", icon: FileDiff, kinds: ["change"] },
];

export const KIND_WORDS: Record<MomentKind, string> = {
  phase: "step",
  turn: "turn",
  tool: "tool",
  asked: "question",
  change: "change",
  end: "end",
  unknown: "moment",
};

/** 0.25 to 1: a change is as high as its size has digits. */
export function heightOf(moment: Moment): number {
  if (!moment.diff) return 1;
  const lines = moment.diff.added + moment.diff.removed;
  return Math.min(1, 0.25 + Math.log10(1 + lines) / 5);
}
