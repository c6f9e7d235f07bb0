// The run's own steps, in a person's words.

import type { JournalEvent, Outcome, Phase } from "$/api/generated/proto";
import { wallsLook } from "$/parts/walls/words";
import { moment, plural } from "$/parts/words";
import type { Mark } from "./entries.svelte";
import { screenMark } from "./screen-marks";

export function phaseWords(phase: Phase): string {
  switch (phase) {
    case "preparing":
      return "Preparing the workspace";
    case "cloning":
      return "Cloning";
    case "setting_up":
      return "Setting up";
    case "agent_running":
      return "The agent works";
    case "awaiting_answer":
      return "Waiting for an answer";
    case "taken_over":
      return "A person drives";
    case "reviewing":
      return "A second agent looks at the work";
    case "collecting":
      return "Collecting the work";
    case "pushing":
      return "Pushing";
    case "cleaning":
      return "Cleaning up";
    case "finished":
      return "Finished";
    case "unknown":
      return "A step this build does not know";
  }
}

export function outcomeWords(outcome: Outcome): Pick<Mark, "text" | "detail" | "tone"> {
  switch (outcome.outcome) {
    case "pushed":
      return { text: "The run ended: its work is pushed", detail: "", tone: "ok" };
    case "no_change":
      return { text: "The run ended: nothing was changed", detail: "", tone: "quiet" };
    case "failed":
      return { text: "The run failed", detail: outcome.problem.message, tone: "fail" };
    case "cancelled":
      return { text: "The run was stopped", detail: "", tone: "quiet" };
    case "fenced":
      return { text: "The run was given up: a later one has taken its place", detail: "", tone: "quiet" };
  }
}

/** The mark an event makes; none where it makes another entry, or none at all. */
export function markOf(event: JournalEvent): Pick<Mark, "text" | "detail" | "tone"> | null {
  switch (event.type) {
    case "phase":
      // Said by the entries around them: the ask, the work, the end.
      if (["agent_running", "awaiting_answer", "finished"].includes(event.phase)) return null;
      return { text: phaseWords(event.phase), detail: "", tone: "quiet" };
    case "session_started": {
      const what = [event.model, event.version && `version ${event.version}`].filter((one) => one).join(", ");
      return { text: "Session started", detail: what, tone: "quiet" };
    }
    case "activity":
      if (event.activity !== "stalled") return null;
      return { text: "The agent has gone quiet", detail: event.reason, tone: "wait" };
    case "reported":
      return { text: "The agent reports", detail: event.text, tone: "quiet" };
    case "child_wanted":
      return {
        text: "Wants a task filed",
        detail: firstLine(event.child.title ?? event.child.prompt),
        tone: "quiet",
      };
    case "child_decided":
      if (event.task) return { text: "A task was filed", detail: event.task.slice(-8), tone: "ok" };
      return { text: "No task was filed", detail: event.problem?.message ?? "", tone: "wait" };
    case "resumes":
      return {
        text: "Waits for the limit to end, then goes on by itself",
        detail: moment(event.at),
        tone: "wait",
      };
    case "agent_exited":
      return exited(event.code, event.signal);
    case "order_done":
      if (!event.problem) return null;
      return { text: "Not carried out", detail: event.problem.message, tone: "wait" };
    case "rebased": {
      const text = `Put on top of ${event.base}, which had moved: no agent was needed`;
      return { text, detail: `${event.onto.slice(0, 10)} → ${event.commit.slice(0, 10)}`, tone: "ok" };
    }
    case "pushed":
      return { text: `Pushed to ${event.branch}`, detail: event.commit.slice(0, 10), tone: "ok" };
    case "rescued":
      return { text: "Unpublished work rescued", detail: event.reference, tone: "ok" };
    case "cleaned":
      if (event.left.length === 0) return { text: "Nothing left on the runner", detail: "", tone: "quiet" };
      return { text: "Some things could not be removed", detail: event.left.join(", "), tone: "wait" };
    case "walls": {
      const { label } = wallsLook(event.kind);
      if (event.kind === "off") return { text: label, detail: "", tone: "fail" };
      const lacks = plural(event.lacks.length, "thing does", "things do");
      const detail = event.lacks.length > 0 ? `${lacks} not hold` : "";
      return { text: `Walls: ${label}`, detail, tone: "quiet" };
    }
    case "network_lost": {
      const text = `${plural(event.decisions, "decision")} of the network gate not written down`;
      return { text, detail: "", tone: "wait" };
    }
    case "screen":
      return screenMark(event);
    case "finished":
      return outcomeWords(event);
    default:
      return null;
  }
}

function firstLine(text: string): string {
  const line = text.trim().split("\n")[0] ?? "";
  return line.length > 120 ? `${line.slice(0, 119)}…` : line;
}

function exited(code: number | null, signal: number | null): Pick<Mark, "text" | "detail" | "tone"> | null {
  if (code === 0) return null;
  const how = signal !== null ? `signal ${signal}` : code !== null ? `exit code ${code}` : "no exit code";
  return { text: "The agent's process ended", detail: how, tone: "wait" };
}

/** Hosts that were refused without an end between them, on one mark. */
export function refusedMark(hosts: readonly string[], times: number): Pick<Mark, "text" | "detail" | "tone"> {
  const text = times === 1 ? "The gate refused" : `The gate refused ${times} times`;
  return { text, detail: hosts.join(", "), tone: "wait" };
}

export type Refusal = Extract<JournalEvent, { type: "network" }>;

export function isRefusal(event: JournalEvent): event is Refusal {
  return event.type === "network" && !event.allowed;
}
