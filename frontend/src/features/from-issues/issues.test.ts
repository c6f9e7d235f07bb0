import { describe, expect, it } from "vitest";
import type { IssueFiled, IssueSeen, Ticket } from "$/api/generated/proto";
import { isTaken, standing } from "./issues.svelte";

const noted = (number: number, of: IssueFiled["standing"] = "waits"): IssueFiled => ({
  number,
  task: `task-${number}`,
  standing: of,
});

const ticket = (number: number, failed = false): Ticket =>
  ({
    key: `site#${number}`,
    number,
    task: `task-${number}`,
    problem: failed ? { code: "forge_refused", message: "gone", hint: "" } : null,
  }) as Ticket;

describe("issues that are filed", () => {
  it("are counted by what became of each", () => {
    const all = [noted(1), noted(2), noted(3), noted(4, "has_task")];
    const filed = standing(all, [ticket(2), ticket(3, true), ticket(9)]);
    expect(filed).toMatchObject({ made: 1, waiting: 1, had: 1 });
    expect(filed.failed.map((one) => one.number)).toEqual([3]);
    expect(standing(all, [])).toMatchObject({ made: 3, waiting: 0, had: 1, failed: [] });
  });

  it("are taken while they wait or have a task under way", () => {
    const issue = (state: string | null, waits = false) => ({ task_state: state, waits }) as IssueSeen;
    expect(isTaken(issue(null))).toBe(false);
    expect(isTaken(issue(null, true))).toBe(true);
    expect(isTaken(issue("working"))).toBe(true);
    expect(isTaken(issue("in_review"))).toBe(true);
    expect(isTaken(issue("failed"))).toBe(false);
    expect(isTaken(issue("merged"))).toBe(false);
  });
});
