// What a runner's doctor found, in one list: what is amiss first.

import type { About } from "$/api/generated/proto";

export interface Finding {
  id: string;
  name: string;
  found: string;
  problem: string | null;
  /** A command line or a sentence. */
  mend: string;
}

/** `claude is not there; npm install …`: the agent's words hold the mend behind the semicolon. */
function parted(problem: string | null): { problem: string | null; mend: string } {
  const at = problem?.indexOf("; ") ?? -1;
  if (problem === null || at < 0) return { problem: unquoted(problem), mend: "" };
  return { problem: unquoted(problem.slice(0, at)), mend: problem.slice(at + 2).replaceAll("`", "") };
}

function unquoted(text: string | null): string | null {
  return text === null ? null : text.replaceAll("`", "");
}

export function findings(about: About): Finding[] {
  const agents = about.agents.map((agent) => ({
    id: `agent/${agent.name}`,
    name: agent.name,
    found: agent.version ?? "",
    ...parted(agent.problem),
  }));
  const tools = about.checks.map((check) => ({
    id: `tool/${check.name}`,
    name: check.name,
    found: check.found,
    problem: unquoted(check.problem),
    mend: check.problem === null ? "" : check.mend.replaceAll("`", ""),
  }));
  return [...agents, ...tools].sort(
    (left, right) => Number(left.problem === null) - Number(right.problem === null),
  );
}
