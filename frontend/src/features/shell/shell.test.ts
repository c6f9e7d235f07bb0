// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Host } from "$/host/host";
import { route } from "$/state/route.svelte";
import { newTaskPath, readJoinCode } from "./intents";
import { onLink } from "./links";
import { placeOf, titleOf } from "./places";
import { screenOf } from "./screens";
import { codeOf, refusal, takeCode } from "./sign-in";

describe("paths", () => {
  it.each([
    [[], "inbox"],
    [["tasks"], "tasks"],
    [["tasks", "t1"], "task"],
    [["tasks", "t1", "diff"], "task"],
    [["tasks", "t1", "diff", "more"], null],
    [["compare", "g1"], "compare"],
    [["compare"], null],
    [["new"], "new"],
    [["new", "many"], "new"],
    [["new", "other"], null],
    [["settings"], "settings"],
    [["settings", "x"], null],
    [["constructor"], null],
    [["nonsense"], null],
  ])("%j names the screen %s", (path, screen) => {
    expect(screenOf(path)).toBe(screen);
  });

  it("belong to a place of the navigation", () => {
    expect([[], ["tasks", "t1"], ["compare", "g"], ["new"]].map(placeOf)).toEqual([
      "inbox",
      "tasks",
      "tasks",
      null,
    ]);
  });

  it("title the window, with what waits", () => {
    expect(titleOf([], 3, null)).toBe("(3) Inbox · Pilothouse");
    expect(titleOf(["tasks", "t1"], 0, "Fix it")).toBe("Fix it · Pilothouse");
    expect(titleOf(["new"], 0, null)).toBe("New task · Pilothouse");
    expect(titleOf(["nonsense"], 0, null)).toBe("Pilothouse");
  });
});

describe("intents", () => {
  it("fill the fields of a new task in, escaped", () => {
    const path = newTaskPath({ kind: "new_task", project: "app", prompt: "a & b\n=c", mode: "ask" });
    const query = new URLSearchParams(path.split("?")[1]);
    expect(Object.fromEntries(query)).toEqual({ project: "app", prompt: "a & b\n=c", mode: "ask" });
    expect(newTaskPath({ kind: "new_task" })).toBe("new");
  });

  const coded = (says: unknown) =>
    `pilot1.${btoa(JSON.stringify(says)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;

  it("read the hub and the certificate out of a join code, and not its secret", () => {
    expect(readJoinCode(coded({ hub: "https://lab:7700", fingerprint: "ab", code: "secret" }))).toEqual({
      hub: "https://lab:7700",
      fingerprint: "ab",
    });
    expect(readJoinCode(coded({ hub: "http://127.0.0.1:1", code: "secret" }))?.fingerprint).toBeNull();
  });

  it.each([
    "",
    "pilot1.",
    "pilot1.%%%",
    "pilot2.e30",
    "pilot1.e30",
    coded({ hub: "javascript:x" }),
    coded([]),
  ])("take %j for no join code", (code) => {
    expect(readJoinCode(code)).toBeNull();
  });
});

describe("signing in", () => {
  it("finds the code behind the # and takes it out of the address", () => {
    history.replaceState(null, "", "/tasks?state=ready#sign-in=abc123");
    expect(takeCode()).toBe("abc123");
    expect(location.href).toMatch(/\/tasks\?state=ready$/);
    expect(takeCode()).toBeNull();
  });

  it.each(["", "#", "#sign-in=", "#other=1"])("finds none in %j", (hash) => {
    expect(codeOf(hash)).toBeNull();
  });

  it("says of a link and of a token what is wrong, and leaves other problems alone", () => {
    const refused = { code: "unauthorized", message: "no", hint: "" } as const;
    expect(refusal({ code: "x" }, refused).message).toContain("link");
    expect(refusal({ token: "x" }, refused).message).toContain("token");
    const lost = { code: "repository_unreachable", message: "gone", hint: "" } as const;
    expect(refusal({ code: "x" }, lost)).toBe(lost);
  });
});

describe("links", () => {
  const openExternal = vi.fn();
  const host = { base: "/", openExternal } as unknown as Host;

  function click(html: string, options: MouseEventInit = {}): MouseEvent {
    document.body.innerHTML = html;
    const event = new MouseEvent("click", { bubbles: true, cancelable: true, ...options });
    Object.defineProperty(event, "target", {
      value: document.querySelector("a")?.firstElementChild ?? document.querySelector("a"),
    });
    onLink(event, host);
    return event;
  }

  beforeEach(() => {
    openExternal.mockReset();
    history.replaceState(null, "", "/");
    route.start("/");
  });

  it("of ours change the place without leaving the page", () => {
    expect(click('<a href="/tasks?state=ready"><b>x</b></a>').defaultPrevented).toBe(true);
    expect(route.place.path).toEqual(["tasks"]);
    expect(route.place.query.get("state")).toBe("ready");
  });

  it("to elsewhere are opened outside", () => {
    expect(click('<a href="https://example.org/x">x</a>').defaultPrevented).toBe(true);
    expect(openExternal).toHaveBeenCalledWith("https://example.org/x");
    expect(route.place.path).toEqual([]);
  });

  it("in a new tab are the browser's business, and downloads too", () => {
    expect(click('<a href="/tasks">x</a>', { ctrlKey: true }).defaultPrevented).toBe(false);
    expect(click('<a href="/tasks" download="x">x</a>').defaultPrevented).toBe(false);
  });
});
