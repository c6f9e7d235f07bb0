// Which agents there are, and which of them a runner could start now.

import type { Project, RunnerSeen, Task } from "$/api/generated/proto";

export interface KnownAgent {
  name: string;
  /** As the runners that are online tell it. */
  versions: string[];
  /** A runner that is online has it, working or not. */
  found: boolean;
  /** Runners that are online and could start it. */
  runners: number;
  /** Why no runner can start it; none if one can. */
  problem: string | null;
}

export function knownAgents(
  runners: readonly RunnerSeen[],
  projects: readonly Project[],
  tasks: readonly Task[],
): KnownAgent[] {
  const known = new Map<string, KnownAgent>();
  const agent = (name: string): KnownAgent => {
    const problem = "No runner that is online has it.";
    const there = known.get(name) ?? { name, versions: [], found: false, runners: 0, problem };
    known.set(name, there);
    return there;
  };
  for (const runner of runners) {
    if (runner.revoked) continue;
    for (const found of runner.about.agents) {
      const it = agent(found.name);
      if (!runner.online) continue;
      it.found = true;
      if (found.version && !it.versions.includes(found.version)) it.versions.push(found.version);
      if (found.problem === null) it.runners += 1;
      else if (it.runners === 0) it.problem = found.problem;
      if (it.runners > 0) it.problem = null;
    }
  }
  for (const project of projects) agent(project.agent);
  for (const task of tasks) agent(task.agent);
  const usable = (it: KnownAgent) => (it.problem === null ? 0 : 1);
  return [...known.values()].sort(
    (left, right) => usable(left) - usable(right) || left.name.localeCompare(right.name),
  );
}

/** One line for a choice. */
export function agentLabel({ name, versions, found, runners, problem }: KnownAgent): string {
  if (problem !== null) return `${name} · ${found ? "has a problem" : "no runner has it"}`;
  const where = runners === 1 ? "" : ` · ${runners} runners`;
  return `${name}${versions.length > 0 ? ` · ${versions.join(", ")}` : ""}${where}`;
}
