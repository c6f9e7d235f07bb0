// What a link fills in. A link is somebody else's hand: every part is checked,
// and nothing of it is done before a person has looked.

import type { Forge, Mode, Project } from "$/api/generated/proto";
import { issueNumber, projectOf } from "./issues";
import { LONGEST_PROMPT, MODES } from "./rows";

export interface Prefill {
  project: string;
  prompt: string;
  agent: string;
  model: string;
  mode: Mode | "";
  issue: string;
  /** The issue's page, where the link gave one. */
  issueLink: string;
  /** What of the link was not taken, and why. */
  notes: string[];
  /** It says what to do: not merely where. */
  speaks: boolean;
}

const WORD = /^[\w.:/@+-]{1,100}$/;

export function prefillOf(
  query: URLSearchParams,
  projects: readonly Project[],
  forges: readonly Forge[],
): Prefill {
  const notes: string[] = [];
  const prompt = take(query, "prompt", (text) => text.length <= LONGEST_PROMPT, notes, "is too long");
  const word = (name: string) => take(query, name, (text) => WORD.test(text), notes, "is no name");
  const mode = take(query, "mode", (text) => MODES.includes(text as Mode), notes, "is no mode");
  const said = query.get("issue")?.trim() ?? "";
  const isLink = /^https?:\/\//i.test(said);
  const number = said ? issueNumber(said) : null;
  if (said && number === null) notes.push("The issue of the link is neither a number nor an issue's page.");
  const issueLink = isLink && number !== null ? said : "";
  const named = query.get("project") ?? "";
  const exists = projects.some(({ name }) => name === named);
  if (named && !exists)
    notes.push(`The link names the project \`${named.slice(0, 64)}\`, which is not here.`);
  const project = exists ? named : issueLink ? (projectOf(issueLink, projects, forges) ?? "") : "";
  if (issueLink && !project) notes.push("No project here has the repository of this issue.");
  return {
    project,
    prompt,
    agent: word("agent"),
    model: word("model"),
    mode: mode as Mode | "",
    issue: number === null ? "" : String(number),
    issueLink,
    notes,
    speaks: prompt !== "" || said !== "",
  };
}

function take(
  query: URLSearchParams,
  name: string,
  fits: (text: string) => boolean,
  notes: string[],
  why: string,
): string {
  const text = query.get(name) ?? "";
  if (text === "" || fits(text)) return text;
  notes.push(`The link's ${name} ${why} and was left out.`);
  return "";
}
