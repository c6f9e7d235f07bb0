import { describe, expect, it } from "vitest";
import type { Role, Task } from "$/api/generated/proto";
import { actionsOf } from "./actions";

const ROLES: Role[] = ["viewer", "operator", "approver", "admin"];
const as = (role: Role) => (needed: Role) => ROLES.indexOf(role) >= ROLES.indexOf(needed);

function task(fields: object): Task {
  const size = { files: 0, added: 0, removed: 0 };
  const base = { attempts: 1, group: null, diff: size, pull_request: null, dismissed: false };
  return { ...base, ...fields } as unknown as Task;
}

const names = (some: Task, role: Role = "admin") => actionsOf(some, as(role)).map((action) => action.name);
const failed = (code: string) => ({ state: "failed", problem: { code, message: "m", hint: "h" } });

describe("what can be done to a task", () => {
  const rows: [what: string, fields: object, expected: string[]][] = [
    ["queued", { state: "queued", attempts: 0 }, ["reassign", "stop"]],
    [
      "cloning: nobody to interrupt yet",
      { state: "working", phase: "cloning" },
      ["retry", "reassign", "stop", "kill"],
    ],
    [
      "at work",
      { state: "working", phase: "agent_running" },
      ["interrupt", "retry", "reassign", "stop", "kill"],
    ],
    [
      "waits within a turn",
      { state: "needs_you", need: "permission" },
      ["interrupt", "retry", "reassign", "stop", "kill"],
    ],
    [
      "interrupted already",
      { state: "needs_you", need: "interrupted" },
      ["retry", "reassign", "stop", "kill"],
    ],
    [
      "done by a person",
      { state: "needs_you", need: "hands_on", agent: "hands-on" },
      ["done", "interrupt", "retry", "reassign", "stop", "kill"],
    ],
    [
      "driven from afar",
      { state: "working", phase: "agent_running", agent: "claude", remote_control: true },
      ["done", "interrupt", "retry", "reassign", "stop", "kill"],
    ],
    ["held for a look", { state: "ready" }, ["publish", "retry", "reassign", "stop"]],
    ["one of several, held", { state: "ready", group: "g" }, ["keep", "retry", "reassign", "stop"]],
    ["in review", { state: "in_review", pull_request: {} }, ["resume", "retry", "pull_request", "stop"]],
    ["ended and seen", { state: "published", dismissed: true }, ["resume", "retry", "again", "reassign"]],
    ["never begun", { state: "cancelled", attempts: 0 }, ["again", "reassign", "dismiss"]],
  ];
  it.each(rows)("%s", (_, fields, expected) => {
    expect(names(task(fields))).toEqual(expected);
  });

  it("puts the fitting action of a failure first", () => {
    expect(names(task(failed("agent_limit")))[0]).toBe("resume");
    expect(names(task(failed("repository_refused")))[0]).toBe("again");
    expect(names(task({ ...failed("agent_limit"), attempts: 0 }))[0]).toBe("again");
  });

  it("leaves out what the role may not do", () => {
    expect(names(task({ state: "ready", pull_request: {} }), "viewer")).toEqual(["pull_request"]);
    expect(names(task({ state: "ready" }), "operator")).toEqual(["retry", "reassign", "stop"]);
  });

  it("asks before it destroys or publishes, and not before what is harmless", () => {
    const asks = (fields: object) =>
      actionsOf(task(fields), as("admin"))
        .filter((action) => action.confirm !== null)
        .map((action) => action.name);
    expect(asks({ state: "working", phase: "agent_running" })).toEqual(["stop", "kill"]);
    expect(asks({ state: "ready" })).toEqual(["publish", "stop"]);
    expect(asks({ state: "no_change" })).toEqual([]);
    expect(asks({ state: "published", diff: { files: 1, added: 1, removed: 0 } })).toEqual(["again"]);
  });
});
