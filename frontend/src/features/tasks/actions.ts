// The icons of what can be done to many tasks, and the order they stand in.

import Check from "@lucide/svelte/icons/check";
import CircleStop from "@lucide/svelte/icons/circle-stop";
import RotateCcw from "@lucide/svelte/icons/rotate-ccw";
import Send from "@lucide/svelte/icons/send";
import UserRoundCog from "@lucide/svelte/icons/user-round-cog";
import type { Icon } from "$/ui/icon";
import type { ActionName } from "./bulk";

export const ACTION_ICONS: Record<ActionName, Icon> = {
  stop: CircleStop,
  again: RotateCcw,
  reassign: UserRoundCog,
  publish: Send,
  dismiss: Check,
};

export const ACTION_ORDER: readonly ActionName[] = ["publish", "again", "reassign", "dismiss", "stop"];
