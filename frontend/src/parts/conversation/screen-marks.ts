// What happened to a run's screen, in a person's words.

import type { JournalEvent } from "$/api/generated/proto";
import { clock } from "$/parts/player/playback.svelte";
import type { Mark } from "./entries.svelte";

type ScreenEvent = Extract<JournalEvent, { type: "screen" }>;

export function screenMark(event: ScreenEvent): Pick<Mark, "text" | "detail" | "tone"> | null {
  switch (event.what) {
    case "started":
      return { text: "The desktop stands", detail: `${event.width} × ${event.height}`, tone: "quiet" };
    case "ended":
      return { text: "The desktop is gone", detail: event.why, tone: "quiet" };
    case "taken_over":
      return { text: `${event.who} took the screen over`, detail: "", tone: "wait" };
    case "handed_back":
      return { text: handedBack(event), detail: event.note ?? "", tone: "quiet" };
    case "recording_began":
      return null;
    case "recording_ended":
      return {
        text: "The screen was recorded",
        detail: `${event.name}, ${clock(event.millis)}`,
        tone: "quiet",
      };
  }
}

function handedBack({ who, cause }: Extract<ScreenEvent, { what: "handed_back" }>): string {
  switch (cause) {
    case "silence":
      return `${who} did nothing for long: the agent may use the screen again`;
    case "run_over":
      return `The screen is nobody's any more: the work is over`;
    case "asked":
    case "unknown":
      return `The screen was handed back, which ${who} had`;
  }
}
