// The icon of what is asked.

import CirclePlay from "@lucide/svelte/icons/circle-play";
import GlobeX from "@lucide/svelte/icons/globe-x";
import Hand from "@lucide/svelte/icons/hand";
import ListChecks from "@lucide/svelte/icons/list-checks";
import MessageCircleQuestion from "@lucide/svelte/icons/message-circle-question-mark";
import MessagesSquare from "@lucide/svelte/icons/messages-square";
import PenTool from "@lucide/svelte/icons/pen-tool";
import Pause from "@lucide/svelte/icons/pause";
import ShieldQuestion from "@lucide/svelte/icons/shield-question-mark";
import Wallet from "@lucide/svelte/icons/wallet";
import type { Ask } from "$/api/generated/proto";
import type { Icon } from "$/ui/icon";

const ICONS: Record<Ask["kind"], Icon> = {
  permission: ShieldQuestion,
  question: MessageCircleQuestion,
  plan: ListChecks,
  interrupted: Pause,
  network: GlobeX,
  budget: Wallet,
  hands_on: PenTool,
  feedback: MessagesSquare,
  ci: CirclePlay,
};

/** An ask of a newer hub is a hand. */
export function askIcon(ask: Ask): Icon {
  return (ICONS[ask.kind] as Icon | undefined) ?? Hand;
}
