// What becomes of a message where the task stands now.

import type { Run, RunnerSeen, Said, Task } from "$/api/generated/proto";
import { ENDED } from "$/parts/task-state";

export interface Delivery {
  /** On the button. */
  verb: string;
  /** What happens to it. */
  hint: string;
  /** It may also be told at once, by interrupting the turn. */
  canInterrupt: boolean;
}

export function deliveryOf(task: Task): Delivery {
  if (ENDED.has(task.state) || task.state === "in_review") {
    return {
      verb: "Continue with this",
      hint: "The agent goes on in a new run, with its session and its work.",
      canInterrupt: false,
    };
  }
  switch (task.state) {
    case "queued":
      return {
        verb: "Add",
        hint: "The task has not begun; the agent starts with this as well.",
        canInterrupt: false,
      };
    case "ready":
      return { verb: "Send", hint: "The held work is taken up again in a new run.", canInterrupt: false };
    case "publishing":
      return { verb: "Queue", hint: "It is told once the work is published.", canInterrupt: false };
    case "needs_you":
      if (task.need === "interrupted") {
        return { verb: "Go on with this", hint: "The agent waits for it.", canInterrupt: false };
      }
      return { verb: "Queue", hint: "It is told when the turn ends.", canInterrupt: true };
    default: {
      const agent = task.state === "working" && task.phase === "agent_running";
      const hint = agent ? "It is told when the turn ends." : "It is told after the first turn.";
      return { verb: "Queue", hint, canInterrupt: agent };
    }
  }
}

/** Whether the agent at work hears what is said in the middle of its turn. */
export function hears(task: Task, runs: readonly Run[], runners: readonly RunnerSeen[]): boolean {
  const run = runs.find(({ id }) => id === task.run);
  const about = runners.find(({ id }) => id === run?.runner)?.about;
  const agent = about?.agents.find(({ name }) => name === task.agent);
  return agent?.abilities?.steer ?? false;
}

/** Where something that was said is by now. */
export function waitsFor(said: Said): string {
  if (said.waits === "run") return "Not heard yet: the next run is told";
  return said.now ? "On its way" : "Queued for the end of the turn";
}
