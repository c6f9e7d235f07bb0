import { expect, it } from "vitest";
import { task } from "../../../tests/builders";
import { below } from "./children";

it("lists the tasks below one like the tree that they are", () => {
  const tasks = [
    task("4", { parent: "1", created_at: 4 }),
    task("3", { parent: "2", created_at: 3 }),
    task("2", { parent: "1", created_at: 2 }),
    task("1", { created_at: 1 }),
    task("9", { parent: "8", created_at: 9 }),
  ];
  const rows = below(tasks, "1").map((row) => [row.task.id, row.depth]);
  expect(rows).toEqual([
    ["2", 0],
    ["3", 1],
    ["4", 0],
  ]);
  expect(below(tasks, "9")).toEqual([]);
});

it("ends where tasks name one another", () => {
  const tasks = [task("1", { parent: "2" }), task("2", { parent: "1" })];
  expect(below(tasks, "1").map((row) => row.task.id)).toEqual(["2"]);
});
