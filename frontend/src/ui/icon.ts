// An icon is a component of `@lucide/svelte`: `import Play from "@lucide/svelte/icons/play"`.

import type { LucideIcon } from "@lucide/svelte";

export type Icon = LucideIcon;

export type Tone = "neutral" | "accent" | "ok" | "wait" | "fail" | "info";
