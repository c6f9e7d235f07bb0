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
      ["reassign", "stop", "kill"],
    ],
    ["at work", { state: "working", phase: "agent_running" }, ["interrupt", "reassign", "stop", "kill"]],
    [
      "waits within a turn",
      { state: "needs_you", need: "permission" },
      ["interrupt", "reassign", "stop", "kill"],
    ],
    ["interrupted already", { state: "needs_you", need: "interrupted" }, ["reassign", "stop", "kill"]],
    [
      "done by a person",
      { state: "needs_you", need: "hands_on", agent: "hands-on" },
      ["done", "interrupt", "reassign", "stop", "kill"],
    ],
    [
      "driven from afar",
      { state: "working", phase: "agent_running", agent: "claude", remote_control: true },
      ["done", "interrupt", "reassign", "stop", "kill"],
    ],
    ["held for a look", { state: "ready" }, ["publish", "reassign", "stop"]],
    ["one of several, held", { state: "ready", group: "g" }, ["keep", "reassign", "stop"]],
    ["in review", { state: "in_review", pull_request: {} }, ["resume", "pull_request", "stop"]],
    ["ended and seen", { state: "published", dismissed: true }, ["resume", "retry", "reassign"]],
    ["never begun", { state: "cancelled", attempts: 0 }, ["retry", "reassign", "dismiss"]],
  ];
  it.each(rows)("%s", (_, fields, expected) => {
    expect(names(task(fields))).toEqual(expected);
  });

  it("puts the fitting action of a failure first", () => {
    expect(names(task(failed("agent_limit")))[0]).toBe("resume");
    expect(names(task(failed("repository_refused")))[0]).toBe("retry");
    expect(names(task({ ...failed("agent_limit"), attempts: 0 }))[0]).toBe("retry");
  });

  it("leaves out what the role may not do", () => {
    expect(names(task({ state: "ready", pull_request: {} }), "viewer")).toEqual(["pull_request"]);
    expect(names(task({ state: "ready" }), "operator")).toEqual(["reassign", "stop"]);
  });

  it("asks before it destroys or publishes, and not before what is harmless", () => {
    const asks = (fields: object) =>
      actionsOf(task(fields), as("admin"))
        .filter((action) => action.confirm !== null)
        .map((action) => action.name);
    expect(asks({ state: "working", phase: "agent_running" })).toEqual(["stop", "kill"]);
    expect(asks({ state: "ready" })).toEqual(["publish", "stop"]);
    expect(asks({ state: "no_change" })).toEqual([]);
    expect(asks({ state: "published", diff: { files: 1, added: 1, removed: 0 } })).toEqual(["retry"]);
  });
});
