// The icon that goes with a tone: a colour alone says nothing to many people.

import CircleAlert from "@lucide/svelte/icons/circle-alert";
import CircleCheck from "@lucide/svelte/icons/circle-check";
import Info from "@lucide/svelte/icons/info";
import TriangleAlert from "@lucide/svelte/icons/triangle-alert";
import type { Icon, Tone } from "./icon";

export const TONE_ICONS: Record<Tone, Icon> = {
  neutral: Info,
  accent: Info,
  info: Info,
  ok: CircleCheck,
  wait: TriangleAlert,
  fail: CircleAlert,
};
