// Failures, as a person is told of them.

import type { Code, Problem } from "./generated/proto";

/** A problem of this side's own making. */
export function fault(code: Code, message: string, hint = ""): Problem {
  return { code, message, hint };
}

export function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "code" in value && "message" in value;
}

/** Whatever was thrown, as a problem. */
export function asProblem(thrown: unknown): Problem {
  if (isProblem(thrown)) return { code: thrown.code, message: thrown.message, hint: thrown.hint ?? "" };
  if (thrown instanceof Error) return fault("internal", thrown.message);
  return fault("internal", String(thrown));
}

/** Trying again later may help, without anybody doing anything. */
export function passes(problem: Problem): boolean {
  return problem.code === "repository_unreachable" || problem.code === "forge_unreachable";
}
