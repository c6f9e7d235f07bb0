import { expect, it } from "vitest";
import { Offsets } from "./offsets";

it("finds rows of one height by division, and stays within the list", () => {
  const rows = new Offsets(["a", "b", "c"], 20);
  expect(rows.total).toBe(60);
  expect([-5, 0, 19, 20, 59, 1000].map((y) => rows.at(y))).toEqual([0, 0, 0, 1, 2, 2]);
  expect(rows.top(3)).toBe(60);
});

it("finds rows of different heights", () => {
  const rows = new Offsets([30, 10, 0, 50], (height) => height);
  expect(rows.total).toBe(90);
  expect([0, 1, 2, 3, 4].map((index) => rows.top(index))).toEqual([0, 30, 40, 40, 90]);
  expect([0, 29, 30, 39, 40, 89, 500].map((y) => rows.at(y))).toEqual([0, 0, 1, 1, 3, 3, 3]);
});

it("has no rows in an empty list", () => {
  expect(new Offsets([], 20).total).toBe(0);
  expect(new Offsets([], () => 20).at(10)).toBe(0);
});
