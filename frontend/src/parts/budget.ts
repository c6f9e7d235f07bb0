// A budget: how much of it is spent, and reading one that was typed.

import type { Task } from "$/api/generated/proto";
import type { Tone } from "$/ui/icon";
import { money } from "./words";

const DOLLAR = 1_000_000;
/** More than anybody spends on a task, and exact as a number of millionths. */
const MOST_DOLLARS = 1_000_000;
/** From here on it is worth a look. */
const NEARLY = 0.8;

export interface Budget {
  spent: number;
  of: number;
  /** `$1.20 of $2.50`. */
  text: string;
  tone: Tone;
}

/** None where the task may cost as much as it takes. */
export function budgetOf({ usage, limits }: Pick<Task, "usage" | "limits">): Budget | null {
  const of = limits.budget_micros;
  if (of === null || of === undefined) return null;
  const spent = usage.cost_micros ?? 0;
  const text = `${money(spent)} of ${money(of)}`;
  const tone = spent >= of ? "fail" : spent >= of * NEARLY ? "wait" : "accent";
  return { spent, of, text, tone };
}

/** Micro-dollars of `2.50`, `$2.50` or `2,5`; null for nothing, undefined for what is no amount. */
export function readBudget(text: string): number | null | undefined {
  const plain = text.trim().replace(/^\$\s*/, "");
  if (plain === "") return null;
  if (!/^\d{1,7}([.,]\d{1,6})?$/.test(plain)) return undefined;
  const micros = Math.round(Number(plain.replace(",", ".")) * DOLLAR);
  return micros > 0 && micros <= MOST_DOLLARS * DOLLAR ? micros : undefined;
}

export const BUDGET_PROBLEM = "An amount in dollars, such as 2.50, or nothing.";
