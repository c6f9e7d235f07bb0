// What the choices mean, in a line each.

import type { Mode, OnTimeout } from "$/api/generated/proto";

export const MODE_OPTIONS: { value: Mode; label: string; hint: string }[] = [
  { value: "auto", label: "Auto", hint: "Works on its own and asks for nothing." },
  { value: "ask", label: "Ask", hint: "Its questions and permissions come to your inbox." },
  { value: "plan", label: "Plan", hint: "Changes nothing before you have approved its plan." },
];

export const TIMEOUT_OPTIONS: { value: OnTimeout; label: string }[] = [
  { value: "proceed", label: "The agent goes on by itself" },
  { value: "pause", label: "It waits for as long as it takes" },
  { value: "cancel", label: "The task is cancelled" },
];

export const REMOTE_OPTIONS: { value: "" | "yes" | "no"; label: string }[] = [
  { value: "", label: "As profile and project say" },
  { value: "yes", label: "On" },
  { value: "no", label: "Off" },
];
