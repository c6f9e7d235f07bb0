import { describe, expect, it } from "vitest";
import type { Client } from "$/api/client";
import { failed, MINUTE, NOON, task } from "../../../tests/builders";
import { ACTIONS, forAll } from "./bulk";
import { rowsOf, sections, type Row } from "./groups";
import { Selection } from "$/state/selection.svelte";
import { heldStill } from "./still";

const keys = (rows: readonly Row[]) => rows.map(({ key }) => key);

describe("sections", () => {
  const tasks = [
    task("q2", { created_at: NOON + 2, title: "b 10" }),
    task("w", { state: "working", phase: "agent_running" }),
    task("q1", { created_at: NOON + 1, title: "b 9" }),
    task("m", { state: "merged" } as never),
    failed("f"),
  ];

  it("stand in the order in which they need a person", () => {
    expect(keys(rowsOf(sections(tasks, "created"), new Set()))).toEqual([
      "head:failed",
      "f",
      "head:at_work",
      "w",
      "head:waiting",
      "q2",
      "q1",
      "head:ended",
      "m",
    ]);
  });

  it("are sorted inside, with numbers as a person reads them", () => {
    const waiting = sections(tasks, "title").find(({ group }) => group === "waiting");
    expect(waiting?.tasks.map(({ id }) => id)).toEqual(["q1", "q2"]);
  });

  it("keep their count when they are folded", () => {
    const rows = rowsOf(sections(tasks, "created"), new Set(["waiting"]));
    expect(rows.find(({ key }) => key === "head:waiting")).toMatchObject({ count: 2, folded: true });
    expect(keys(rows)).not.toContain("q1");
  });

  it("take ten thousand tasks within a frame's reach", () => {
    const many = Array.from({ length: 10_000 }, (_, index) =>
      task(String(index), { since: NOON - index * MINUTE }),
    );
    expect(rowsOf(sections(many, "waiting"), new Set())).toHaveLength(10_001);
  });
});

describe("rows under the pointer", () => {
  const rows = (tasks: Parameters<typeof sections>[0]) => rowsOf(sections(tasks, "created"), new Set());
  const shown = rows([task("a"), task("b")]);

  it("stay where they are, with their new state", () => {
    const now = rows([task("a", { state: "working", phase: "cloning" }), task("b")]);
    const held = heldStill(shown, now);
    expect(keys(held.rows)).toEqual(["head:waiting", "a", "b"]);
    expect(held.rows[1]).toMatchObject({ task: { state: "working" } });
    expect(held.waiting).toBe(1);
  });

  it("do not make room for a new one yet", () => {
    const held = heldStill(shown, rows([task("new"), task("a"), task("b")]));
    expect(keys(held.rows)).toEqual(keys(shown));
    expect(held.waiting).toBe(1);
  });

  it("have nothing waiting when only words changed", () => {
    expect(heldStill(shown, rows([task("a", { reason: "thinking" }), task("b")])).waiting).toBe(0);
  });
});

describe("the selection", () => {
  const order = ["a", "b", "c", "d"];

  it("extends from the last choice, in either direction", () => {
    const selection = new Selection();
    selection.toggle("c");
    selection.extend("a", order);
    expect([...selection.ids].sort()).toEqual(["a", "b", "c"]);
  });

  it("begins a range where there was none", () => {
    const selection = new Selection();
    selection.extend("b", order);
    expect([...selection.ids]).toEqual(["b"]);
  });

  it("forgets what is not shown any more", () => {
    const selection = new Selection();
    selection.all(order);
    selection.keepOnly(new Set(["b"]));
    expect([...selection.ids]).toEqual(["b"]);
  });
});

describe("the same for many", () => {
  it("fits what the hub would not refuse", () => {
    expect(ACTIONS.stop.fits(task("q"))).toBe(true);
    expect(ACTIONS.stop.fits(failed("f"))).toBe(false);
    expect(ACTIONS.again.fits(failed("f", { dismissed: true }))).toBe(true);
    expect(ACTIONS.publish.fits(task("r", { state: "ready" }))).toBe(true);
    expect(ACTIONS.dismiss.fits(failed("f", { dismissed: true }))).toBe(false);
  });

  it("reports which were refused and why, and does the others", async () => {
    const asked: string[] = [];
    const call = async (name: string, { task: id }: { task: string }) => {
      asked.push(`${name} ${id}`);
      if (id === "2") throw { code: "precondition", message: "The task has already ended.", hint: "" };
      return task(id);
    };
    const steps: number[] = [];
    const tasks = ["1", "2", "3"].map((id) => task(id));
    const report = await forAll({ call } as unknown as Client, "stop", tasks, {}, (behind) =>
      steps.push(behind),
    );
    expect(asked.sort()).toEqual(["task_stop 1", "task_stop 2", "task_stop 3"]);
    expect(report.done).toBe(2);
    expect(report.refused.map(({ task: { id }, problem }) => [id, problem.message])).toEqual([
      ["2", "The task has already ended."],
    ]);
    expect(steps.at(-1)).toBe(3);
  });
});
