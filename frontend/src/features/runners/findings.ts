// What a runner's doctor found, in one list: what is amiss first.

import type { Abilities, About, AgentFound, AgentOrigin, LiveCheck } from "$/api/generated/proto";

export interface Finding {
  id: string;
  name: string;
  found: string;
  problem: string | null;
  /** A command line or a sentence. */
  mend: string;
  /** More about an agent, a line each. */
  notes: string[];
  /** Its name, if it is an agent that can be tried. */
  agent: string | null;
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

const ORIGINS: Record<AgentOrigin, string> = {
  built_in: "built in",
  pinned: "pinned",
  found: "found on the PATH",
  unknown: "",
};

const ABILITIES: [keyof Abilities, string][] = [
  ["resume", "goes on elsewhere"],
  ["approvals", "asks before tools"],
  ["questions", "asks questions"],
  ["plan", "plans first"],
  ["steer", "hears a word in its turn"],
  ["interrupt", "can be interrupted"],
  ["images", "looks at images"],
  ["usage", "tells tokens"],
  ["cost", "tells cost"],
];

function notesOf({ abilities, own_login, live }: AgentFound): string[] {
  const notes: string[] = [];
  if (abilities) {
    const can = ABILITIES.filter(([name]) => abilities[name]).map(([, word]) => word);
    if (can.length > 0) notes.push(can.join(", "));
  }
  if (own_login) {
    notes.push(`${own_login} on that machine holds a login; runs do not use it, they get the hub's.`);
  }
  if (live) notes.push(liveWords(live));
  return notes;
}

function liveWords({ provider, took_ms, answer, problem }: LiveCheck): string {
  const how = `${provider ? `with ${provider}, ` : ""}${(took_ms / 1000).toFixed(1)} s`;
  if (problem) return `Tried, ${how}: ${[problem.message, problem.hint].filter(Boolean).join(" ")}`;
  return `Tried, ${how}: it answered “${answer.trim().slice(0, 80)}”.`;
}

export function findings(about: About): Finding[] {
  const agents = about.agents.map((agent) => ({
    id: `agent/${agent.name}`,
    name: agent.name,
    found: [agent.version, ORIGINS[agent.origin]].filter(Boolean).join(", "),
    notes: notesOf(agent),
    agent: agent.problem === null && agent.name !== "hands-on" ? agent.name : null,
    ...parted(agent.problem),
  }));
  const tools = about.checks.map((check) => ({
    id: `tool/${check.name}`,
    name: check.name,
    found: check.found,
    problem: unquoted(check.problem),
    mend: check.problem === null ? "" : check.mend.replaceAll("`", ""),
    notes: [],
    agent: null,
  }));
  return [...agents, ...tools].sort(
    (left, right) => Number(left.problem === null) - Number(right.problem === null),
  );
}
