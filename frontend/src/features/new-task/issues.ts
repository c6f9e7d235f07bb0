// Issues as tasks: what their pages' links say by themselves, and what the hub
// finds behind them.

import type { Client } from "$/api/client";
import { asProblem } from "$/api/errors";
import type { Forge, IssueFound, Project } from "$/api/generated/proto";
import type { Row } from "./rows";

/** The hub takes a hundred; fewer show progress. */
const LINKS_AT_ONCE = 20;

/** The prompt for an issue. Its text is whoever's wrote it, and stands as a quotation. */
export function promptOf(found: Pick<IssueFound, "title" | "body" | "link">): string {
  const body = found.body.trim();
  return [`# ${found.title}`, body, `Issue: ${found.link}`].filter(Boolean).join("\n\n");
}

/** A row with what was found of its issue. */
export function filledIn(row: Row, found: IssueFound): Row {
  if (found.problem) {
    const { message, hint } = found.problem;
    return { ...row, problem: [message, hint].filter(Boolean).join(" ") };
  }
  return {
    ...row,
    title: found.title,
    prompt: promptOf(found),
    project: found.project ?? "",
    issue: found.number === null ? "" : String(found.number),
    problem: "",
  };
}

/** Looks up all links; `found` is told as they come in. False from it ends the search. */
export async function lookUp(
  client: Client,
  links: readonly string[],
  found: (issues: IssueFound[]) => boolean,
) {
  for (let start = 0; start < links.length; start += LINKS_AT_ONCE) {
    const part = links.slice(start, start + LINKS_AT_ONCE);
    let issues: IssueFound[];
    try {
      issues = await client.call("issue_look_up", { links: part });
    } catch (thrown) {
      const problem = asProblem(thrown);
      issues = part.map((link) => ({ link, project: null, number: null, title: "", body: "", problem }));
    }
    if (!found(issues)) return;
  }
}

/** The number at the end of an issue's link, or a bare `12` or `#12`. */
export function issueNumber(link: string): number | null {
  const number = /(?:\/(?:issues|work_items)\/|^#?)(\d{1,15})(?:[/?#].*)?$/.exec(link.trim())?.[1];
  return number ? Number(number) : null;
}

/** `https://forge/owner/repo`, as it would stand in a link and in a clone URL. */
function repositoryOf(url: string): string | null {
  const bare = url.trim().replace(/\/(?:-\/)?(?:issues|work_items)\/\d.*$/, "");
  const scp = /^[\w.-]+@([^:/]+):(.+)$/.exec(bare);
  const [host, path] = scp ? [scp[1], scp[2]] : hostAndPath(bare);
  if (!host || !path) return null;
  return `${host}/${path.replace(/^\/+|\/+$/g, "").replace(/\.git$/, "")}`.toLowerCase();
}

function hostAndPath(url: string): [string, string] | [null, null] {
  try {
    const parsed = new URL(url);
    const withPort = parsed.protocol.startsWith("http") ? parsed.host : parsed.hostname;
    return [withPort, parsed.pathname];
  } catch {
    return [null, null];
  }
}

/** The project whose repository an issue's link belongs to, as far as one can see from here. */
export function projectOf(
  link: string,
  projects: readonly Project[],
  forges: readonly Forge[],
): string | null {
  const wanted = repositoryOf(link);
  if (!wanted || issueNumber(link) === null) return null;
  const exact = projects.find((project) => repositoryOf(project.repo) === wanted);
  if (exact) return exact.name;
  // Cloned over SSH from another host name or port than the pages have.
  const tail = (path: string) => path.split("/").slice(-2).join("/");
  const near = projects.filter((project) => {
    const forge = forges.find((known) => known.name === project.forge);
    const repository = repositoryOf(project.repo);
    return forge && repository && link.startsWith(forge.url) && tail(repository) === tail(wanted);
  });
  return near.length === 1 ? (near[0]?.name ?? null) : null;
}
