// Tasks, runners and inbox items for tests: whole, and only what a test says
// about them differs.

import type { InboxItem, RunnerSeen, Task } from "$/api/generated/proto";

export const MINUTE = 60_000_000;
/** 2026-01-02 12:00:00 UTC, in microseconds. */
export const NOON = 1_767_355_200_000_000;

const noUsage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_tokens: 0,
  cache_write_tokens: 0,
  cost_micros: null,
};

export function task(id: string, change: Partial<Task> = {}): Task {
  const whole = {
    id,
    title: `Task ${id}`,
    prompt: `Task ${id}`,
    project: "demo",
    base: null,
    agent: "scripted",
    model: null,
    mode: "auto",
    on_timeout: "proceed",
    limits: { agent_secs: 28_800, setup_secs: 3600, answer_secs: 3600, stall_secs: 180 },
    issue: null,
    branch: `pilot/${id}`,
    since: NOON,
    reason: "",
    created_at: NOON,
    run: null,
    attempts: 0,
    fence: 0,
    diff: { files: 0, added: 0, removed: 0 },
    usage: noUsage,
    pull_request: null,
    pushed: null,
    reservations: [],
    attachments: [],
    hold: false,
    only_runner: null,
    group: null,
    batch: null,
    dismissed: false,
    state: "queued",
  };
  return { ...whole, ...change } as Task;
}

export function failed(id: string, change: Partial<Task> = {}): Task {
  const problem = { code: "setup_failed", message: "Setup step 1 ended with 2.", hint: "Read the log." };
  return task(id, { state: "failed", problem, ...change } as Partial<Task>);
}

export function runner(id: string, change: Partial<RunnerSeen> = {}): RunnerSeen {
  const about = {
    name: `runner-${id}`,
    build: "0.1.0",
    platform: "linux x86_64",
    workers: 4,
    draining: false,
    agents: [{ name: "scripted", version: "0.1.0", problem: null }],
    checks: [],
  };
  return { id, about, online: true, seen_at: NOON, revoked: false, runs: [], load: null, ...change };
}

export function permission(id: string, change: Partial<InboxItem> = {}): InboxItem {
  const input = { command: "cargo test", description: "Run the tests" };
  return {
    id,
    task: `task-${id}`,
    run: `run-${id}`,
    ask: { kind: "permission", tool: "Bash", input, summary: "cargo test" },
    asked_at: NOON,
    deadline: NOON + 60 * MINUTE,
    on_timeout: "proceed",
    answered: null,
    ...change,
  };
}
