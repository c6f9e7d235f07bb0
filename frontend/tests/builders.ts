// Tasks, runners and inbox items for tests: whole, and only what a test says
// about them differs.

import type {
  AgentFound,
  InboxItem,
  NetworkAudit,
  NetworkDecision,
  NetworkTry,
  Project,
  RunnerSeen,
  Task,
} from "$/api/generated/proto";

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
    limits: { agent_secs: 28_800, setup_secs: 3600, answer_secs: 3600, stall_secs: 180, budget_micros: null },
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

export function agent(name: string, change: Partial<AgentFound> = {}): AgentFound {
  return {
    name,
    version: null,
    problem: null,
    abilities: null,
    origin: "found",
    program: null,
    own_login: null,
    live: null,
    ...change,
  };
}

export function runner(id: string, change: Partial<RunnerSeen> = {}): RunnerSeen {
  const about = {
    name: `runner-${id}`,
    build: "0.1.0",
    platform: "linux x86_64",
    workers: 4,
    draining: false,
    seal_key: null,
    agents: [agent("scripted", { version: "0.1.0" })],
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

export function project(name: string, change: Partial<Project> = {}): Project {
  return {
    name,
    repo: `/srv/${name}.git`,
    forge: null,
    base: "main",
    agent: "scripted",
    setup: [],
    permissions: { rules: [] },
    profile: null,
    remote_control: false,
    network: { gate: "enforce", presets: ["npm", "forge"], allow: [], deny: [] },
    walls: {
      kind: "auto",
      limits: {
        memory_mb: 8192,
        pids: 4096,
        cpu_percent: null,
        disk_mb: 20_480,
        file_mb: 8192,
        tmp_mb: 1024,
        open_files: 65_536,
      },
    },
    secrets: [],
    ...change,
  };
}

/** A host that a run was refused. */
export function refused(id: string, host: string, change: Partial<InboxItem> = {}): InboxItem {
  const because = "no rule of the project's network policy allows it";
  return permission(id, {
    task: "t1",
    run: "run-t1",
    ask: { kind: "network", host, port: 443, process: "npm", because },
    deadline: null,
    ...change,
  });
}

export function tried(id: number, change: Partial<NetworkDecision> = {}, at = NOON): NetworkTry {
  const decision = {
    id,
    host: "registry.npmjs.org",
    port: 443,
    door: "connect" as const,
    method: "CONNECT",
    process: "npm",
    allowed: true,
    because: "preset `npm`",
    count: 1,
    ...change,
  };
  return { at, decision, end: null };
}

export function audit(change: Partial<NetworkAudit> = {}): NetworkAudit {
  return {
    run: "run-t1",
    walls: {
      kind: "bubblewrap",
      holds: ["Only its own files can be written."],
      lacks: ["The processor is not limited."],
      limits: [{ what: "memory", value: 8192, means: "cgroup_v2" }],
    },
    tries: [],
    lost: 0,
    policy: project("demo").network,
    proposal: null,
    calls: [],
    ...change,
  };
}
