// Limits of a run, with what of them is used.

import type { Run, Task } from "$/api/generated/proto";
import { span } from "$/parts/words";

export interface AgentTime {
  /** Milliseconds since the agent's run began; waits for people are part of it. */
  used: number;
  limit: number;
  text: string;
}

/** Waits do not count against the limit but cannot be told from here, so this is the most it can be. */
export function agentTime(task: Task, run: Run | undefined, now: number): AgentTime {
  const limit = task.limits.agent_secs * 1000;
  if (!run || run.started_at === null) return { used: 0, limit, text: span(limit) };
  const held = task.state === "ready" ? task.since / 1000 : now;
  const until = run.ended_at === null ? held : run.ended_at / 1000;
  const used = Math.max(0, until - run.started_at / 1000);
  return { used, limit, text: `up to ${span(used)} of ${span(limit)}` };
}

export function timeoutWords(task: Task): string {
  const after = span(task.limits.answer_secs * 1000);
  switch (task.on_timeout) {
    case "pause":
      return "waits until answered";
    case "proceed":
      return `goes on after ${after}`;
    case "cancel":
      return `cancelled after ${after}`;
  }
}
