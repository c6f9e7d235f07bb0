// The user script of docs/, run on saved pages of the forges it is for.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

interface Issue {
  forge: string;
  link: string;
  title: string;
  text: string;
}

interface Script {
  readIssue(page: Document, address: string): Issue | null;
  linkFor(issue: Issue): string;
  addButton(page: Document, address: string): HTMLAnchorElement | null;
}

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const source = readFileSync(at("../../docs/send-to-pilothouse.user.js"), "utf8");
const manual = readFileSync(at("../../docs/send-to-pilothouse.md"), "utf8");

function load(): Script {
  const made: { exports: unknown } = { exports: {} };
  new Function("module", source)(made);
  return made.exports as Script;
}

function bookmarklet(): (...given: unknown[]) => void {
  const [line] = /^javascript:.*$/m.exec(manual) ?? [""];
  const body = line.slice("javascript:".length);
  return new Function("location", "document", "getSelection", "alert", `return ${body}`) as never;
}

function page(forge: string): Document {
  const html = readFileSync(at(`pages/${forge}-issue.html`), "utf8");
  return new DOMParser().parseFromString(html, "text/html");
}

const ADDRESSES = {
  gitea: "https://git.example/o/web/issues/12?q=1#issuecomment-2",
  github: "https://github.example/o/web/issues/12",
  gitlab: "https://gitlab.example/team/sub/web/-/issues/12/designs",
};
const LINKS = {
  gitea: "https://git.example/o/web/issues/12",
  github: "https://github.example/o/web/issues/12",
  gitlab: "https://gitlab.example/team/sub/web/-/issues/12",
};
const FORGES = ["gitea", "github", "gitlab"] as const;
const { readIssue, linkFor, addButton } = load();

/** The hub's tests read the same table: what is sent is understood. */
interface Address {
  forge: string;
  url: string;
  address: string;
  repository: string | null;
  number: number | null;
}
const TABLE = JSON.parse(readFileSync(at("pages/addresses.json"), "utf8")) as Address[];
/** Forgejo's pages are Gitea's. */
const PAGE_OF: Record<string, string> = { forgejo: "gitea" };
/** The issue that an address of the page is sent as; no more than the hub needs. */
const sentAs = ({ url, address, repository, number }: Address): string | null => {
  if (repository === null) return null;
  const below = /\/-\/(?:issues|work_items)\//.exec(address)?.[0] ?? "/issues/";
  return `${url}/${repository}${below}${number}`;
};

describe.each(FORGES)("an issue page of %s", (forge) => {
  const issue = readIssue(page(forge), ADDRESSES[forge]);

  it("is read: title, first text and the link without its ornaments", () => {
    expect(issue).toMatchObject({ forge, link: LINKS[forge], title: "The tooltip jumps & flickers" });
    expect(issue?.text.replaceAll("*", "")).toContain("It jumps when scrolling.");
    expect(issue?.text).not.toContain("Same here");
  });

  it("becomes a link that the new-task form understands", () => {
    const url = new URL(issue ? linkFor(issue) : "about:blank");
    expect(url.protocol).toBe("pilothouse:");
    expect(url.href).toMatch(/^pilothouse:\/\/new\?/);
    expect(url.searchParams.get("issue")).toBe(LINKS[forge]);
    expect(url.searchParams.get("prompt")).toMatch(/^# The tooltip jumps & flickers\n\nIt jumps/);
  });

  it("gets one button, however often it is looked at", () => {
    const shown = page(forge);
    expect(addButton(shown, ADDRESSES[forge])?.textContent).toBe("Send to Pilothouse");
    addButton(shown, ADDRESSES[forge]);
    expect(shown.querySelectorAll("#send-to-pilothouse")).toHaveLength(1);
  });
});

it("keeps Markdown where the page has it", () => {
  expect(readIssue(page("gitea"), ADDRESSES.gitea)?.text).toContain("**scrolling**.\n\n- Firefox");
});

it("leaves other pages alone, and takes its button back", () => {
  const shown = page("gitea");
  addButton(shown, ADDRESSES.gitea);
  expect(addButton(shown, "https://git.example/o/web/issues")).toBeNull();
  expect(shown.getElementById("send-to-pilothouse")).toBeNull();
  expect(
    readIssue(new DOMParser().parseFromString("<h1>Hello</h1>", "text/html"), ADDRESSES.gitea),
  ).toBeNull();
});

it("leaves out a text that is too long for a link", () => {
  const issue = { forge: "gitea", link: LINKS.gitea, title: "Long", text: "x".repeat(20_000) };
  const link = linkFor(issue);
  expect(link.length).toBeLessThan(8001);
  expect(new URL(link).searchParams.get("prompt")).toBe(`# Long\n\nIssue: ${LINKS.gitea}`);
});

describe.each(TABLE)("$address", (row) => {
  const shown = page(PAGE_OF[row.forge] ?? row.forge);

  it("is sent by the user script as the issue's own address, or not at all", () => {
    expect(readIssue(shown, row.address)?.link ?? null).toBe(sentAs(row));
  });

  it("is sent by the bookmarklet as the same", () => {
    const { pathname, origin } = new URL(row.address);
    const place = { pathname, origin, href: "" };
    const said: string[] = [];
    bookmarklet()(
      place,
      shown,
      () => "",
      (text: string) => said.push(text),
    );
    const sent = place.href ? new URL(place.href).searchParams.get("issue") : null;
    expect(sent).toBe(sentAs(row));
    expect(said).toHaveLength(sent ? 0 : 1);
  });

  it("is a page that the user script is asked to run on, if it shows an issue", () => {
    const matches = [...source.matchAll(/^\/\/ @match\s+\*:\/\/(\S+)$/gm)].map(([, glob]) => glob ?? "");
    const fits = (glob: string) => {
      const [host = "", ...path] = glob.split("/");
      const words = (text: string) => text.split("*").map((one) => one.replace(/[.]/g, "\\."));
      const expression = `^${words(host).join("[^/]*")}/${words(path.join("/")).join(".*")}$`;
      const { host: its, pathname, search } = new URL(row.address);
      return new RegExp(expression).test(`${its}${pathname}${search}`);
    };
    if (row.repository !== null) expect(matches.some(fits)).toBe(true);
  });
});

it("the bookmarklet is one line of valid script that builds the same kind of link", () => {
  const place = { pathname: "/o/web/issues/12/x", origin: "https://git.example", href: "" };
  bookmarklet()(place, page("gitea"), () => "only this");
  const url = new URL(place.href);
  expect(url.searchParams.get("issue")).toBe(LINKS.gitea);
  expect(url.searchParams.get("prompt")).toContain("only this");
});
