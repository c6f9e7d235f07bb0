import { describe, expect, it } from "vitest";
import { failed, MINUTE, NOON, permission, refused, runner, task } from "../../../tests/builders";
import { countKinds, heldBy, needOf, needs, nextAfter, pressing, step } from "./needs";

const ids = (all: { id: string }[]) => all.map(({ id }) => id);

describe("needs", () => {
  const tasks = [
    task("ready", { state: "ready", since: NOON + 2 * MINUTE }),
    failed("failed", { since: NOON + 3 * MINUTE }),
    failed("seen", { dismissed: true }),
    task("task-asked", { state: "working", phase: "agent_running", run: "r1" }),
    task("merged", { state: "queued" }),
  ];
  const inbox = [permission("asked", { asked_at: NOON + MINUTE })];

  it("holds asks, ready work, failures and lost runners, oldest first", () => {
    const runners = [runner("lost", { online: false, runs: ["r1"], seen_at: NOON })];
    expect(ids(needs({ tasks, runners, inbox }))).toEqual(["lost", "asked", "ready", "failed"]);
  });

  it("leaves out runners that are online, revoked, or hold nothing", () => {
    const runners = [
      runner("online", { runs: ["r1"] }),
      runner("revoked", { online: false, revoked: true, runs: ["r1"] }),
      runner("idle", { online: false }),
    ];
    expect(countKinds(needs({ tasks, runners, inbox })).runner).toBe(0);
  });

  it("shows an ask whose task has not been told yet", () => {
    const [need] = needs({ tasks: [], runners: [], inbox });
    expect(need).toMatchObject({ kind: "ask", task: undefined });
  });

  it("knows which tasks a lost runner holds", () => {
    expect(ids(heldBy(runner("lost", { runs: ["r1", "unknown"] }), tasks))).toEqual(["task-asked"]);
  });
});

describe("moving through the inbox", () => {
  const before = needs({ tasks: [], runners: [], inbox: ["a", "b", "c"].map((id) => permission(id)) });
  const without = (gone: string) => before.filter(({ id }) => id !== gone);

  it("goes on to what took the place of the answered one", () => {
    expect(nextAfter(before, without("b"), "b")).toBe("c");
  });

  it("goes back to the last when the last was answered", () => {
    expect(nextAfter(before, without("c"), "c")).toBe("b");
  });

  it("ends when nothing is left", () => {
    expect(nextAfter(before, [], "a")).toBeNull();
  });

  it("steps within the list and no further", () => {
    expect(step(before, null, 1)).toBe("a");
    expect(step(before, "a", -1)).toBe("a");
    expect(step(before, "a", 1)).toBe("b");
    expect(step(before, "c", 1)).toBe("c");
  });
});

describe("hosts that were refused", () => {
  const inbox = [
    refused("a", "one.example", { asked_at: NOON }),
    permission("p", { asked_at: NOON + MINUTE }),
    refused("b", "two.example", { asked_at: NOON + 2 * MINUTE }),
    refused("c", "one.example", { task: "t2", run: "run-t2", asked_at: NOON + 3 * MINUTE }),
  ];
  const all = needs({ tasks: [], runners: [], inbox });

  it("are gathered by run, and hold nothing up", () => {
    expect(ids(all)).toEqual(["network:run-t1", "p", "network:run-t2"]);
    expect(pressing(all)).toBe(1);
  });

  it("are found by the id of any of them", () => {
    expect(needOf(all, "b")?.id).toBe("network:run-t1");
    expect(needOf(all, "gone")).toBeUndefined();
  });
});
