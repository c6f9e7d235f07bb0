import { expect, it } from "vitest";
import { task } from "../../tests/builders";
import { budgetOf, readBudget } from "./budget";

const limited = (cost_micros: number | null, budget_micros: number | null) => {
  const plain = task("a");
  return { usage: { ...plain.usage, cost_micros }, limits: { ...plain.limits, budget_micros } };
};

it.each([
  ["2.50", 2_500_000],
  ["$ 3", 3_000_000],
  ["0,25", 250_000],
  ["  ", null],
  ["0", undefined],
  ["-1", undefined],
  ["two", undefined],
  ["1e3", undefined],
])("reads %j as an amount", (text, micros) => {
  expect(readBudget(text)).toBe(micros);
});

it("says how much of a budget is spent, and louder the nearer its end is", () => {
  expect(budgetOf(limited(500_000, null))).toBeNull();
  expect(budgetOf(limited(1_200_000, 2_500_000))).toMatchObject({ text: "$1.20 of $2.50", tone: "accent" });
  expect(budgetOf(limited(2_100_000, 2_500_000))?.tone).toBe("wait");
  expect(budgetOf(limited(2_500_000, 2_500_000))?.tone).toBe("fail");
  expect(budgetOf(limited(null, 1_000_000))?.text).toBe("$0.00 of $1.00");
});
