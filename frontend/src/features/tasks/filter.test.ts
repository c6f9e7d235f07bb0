import { describe, expect, it } from "vitest";
import { failed, MINUTE, NOON, runner, task } from "../../../tests/builders";
import { filterOf, filterQuery, holdersOf, isEmpty, matching, startOfDay } from "./filter";
import { parseSearch } from "./search";
import { BUILT_IN, nameProblem, readViews } from "./views";

const tasks = [
  task("1", { title: "Fix the login page", project: "web", agent: "claude", model: "opus", issue: 12 }),
  task("2", { title: "Speed up login", project: "api", state: "working", phase: "cloning", run: "r2" }),
  failed("3", { title: "Log everything", project: "api", agent: "claude" }),
  failed("4", { title: "Old failure", dismissed: true }),
  task("5", { title: "Look at me", state: "ready", batch: { id: "b", name: "Sprint", at_most: 2 } }),
  task("6", { title: "Answer me", state: "needs_you", need: "plan", item: "i" }),
];
const holders = holdersOf([runner("mac", { runs: ["r2"] })]);

function ids(query: string, now = NOON / 1000): string {
  const filter = filterOf(new URLSearchParams(query));
  return matching(tasks, filter, holders, now)
    .map(({ id }) => id)
    .join("");
}

describe("the filter of a URL", () => {
  it.each([
    ["", "123456"],
    ["project=api", "23"],
    ["agent=claude", "13"],
    ["state=queued", "1"],
    ["state=queued,ready", "15"],
    ["state=at_work", "2"],
    ["state=failed", "34"],
    ["state=needs_me", "356"],
    ["batch=b", "5"],
    ["runner=mac", "2"],
    ["q=login", "12"],
    ["q=login+page", "1"],
    ["q=login+-speed", "1"],
    ["q=%22the+login%22", "1"],
    ["q=project:api+log", "23"],
    ["q=model:opus", "1"],
    ["q=%2312", "1"],
    ["q=issue:12", "1"],
    ["q=LOGIN", "12"],
    ["project=api&q=login", "2"],
    ["state=nonsense", ""],
  ])("%s shows %s", (query, shown) => {
    expect(ids(query)).toBe(shown);
  });

  it("shows what was filed since midnight here", () => {
    const now = NOON / 1000;
    expect(ids("filed=today", now)).toBe("123456");
    expect(ids("filed=today", now + 2 * 24 * 3600 * 1000)).toBe("");
    expect(startOfDay(now)).toBeLessThanOrEqual(NOON);
  });

  it("knows when it filters nothing", () => {
    expect(isEmpty(filterOf(new URLSearchParams("sort=title&view=x")))).toBe(true);
    expect(isEmpty(filterOf(new URLSearchParams("q=a")))).toBe(false);
  });

  it("is one text, whatever the order and the other parameters", () => {
    expect(filterQuery(new URLSearchParams("q=a&sort=cost&state=ready"))).toBe("state=ready&q=a");
  });
});

describe("the search box", () => {
  it("takes an unknown field for a word", () => {
    expect(parseSearch("foo:bar http://x")).toEqual([
      { field: null, text: "foo:bar", without: false },
      { field: null, text: "http://x", without: false },
    ]);
  });

  it("forgives a phrase that is not closed yet", () => {
    expect(parseSearch('"two wor')).toEqual([{ field: null, text: "two wor", without: false }]);
  });

  it("looks for nothing while a field has no value", () => {
    expect(parseSearch("project:")).toEqual([{ field: null, text: "project:", without: false }]);
  });
});

describe("views", () => {
  it("are read from whatever the hub keeps", () => {
    const kept = [{ name: "Mine", query: "project=web" }, { name: 1 }, null, "x", { name: "", query: "" }];
    expect(readViews(kept as never)).toEqual([{ name: "Mine", query: "project=web" }]);
    expect(readViews(null)).toEqual([]);
  });

  it("cannot share a name", () => {
    expect(nameProblem("ready", [])).toContain("built-in");
    expect(nameProblem("Mine", [{ name: "mine", query: "" }])).toContain("have a view");
    expect(nameProblem("  ", [])).not.toBeNull();
    expect(nameProblem("New", [])).toBeNull();
  });

  it("built in are queries that the filter writes the same way", () => {
    for (const { query } of BUILT_IN) expect(filterQuery(new URLSearchParams(query))).toBe(query);
  });

  it("keeps microseconds and milliseconds apart", () => {
    expect(startOfDay(NOON / 1000 + MINUTE / 1000)).toBe(startOfDay(NOON / 1000));
  });
});
