import { describe, expect, it } from "vitest";
import type { LogText, Stream } from "$/api/generated/proto";
import { looksLikeError, nextError } from "./errors";

function said(text: string, stream: Stream = "stdout", line = 0): LogText {
  return { line, at: 0, stream, text };
}

describe("a line looks like an error", () => {
  it.each([
    "error[E0308]: mismatched types",
    "npm ERR! missing script",
    "Traceback (most recent call last):",
    "thread 'main' panicked at src/main.rs:3:5",
    "test result: FAILED. 1 passed; 2 failed",
    "\x1b[31mError\x1b[0m: it broke",
    "java.lang.NullPointerException: no; Exception in thread",
    "0 errors, but 3 failures",
  ])("%s", (text) => expect(looksLikeError(said(text))).toBe(true));

  it.each([
    "compiled with 0 errors",
    "no errors found",
    "0 type errors",
    "finished without errors",
    "errors: 0",
    "error=null",
    "terror and mirrors",
    "",
  ])("but not: %s", (text) => expect(looksLikeError(said(text))).toBe(false));

  it("if it came from standard error and is not blank", () => {
    expect(looksLikeError(said("warning: unused", "stderr"))).toBe(true);
    expect(looksLikeError(said(" \x1b[0m", "stderr"))).toBe(false);
  });
});

describe("the next error", () => {
  const total = 400_000;
  const errors = new Set([5, 17_000, 350_000]);
  const reads: number[] = [];
  const read = (from: number, lines: number) => {
    reads.push(from);
    // Answers end early, as those of very long lines do.
    const count = Math.min(lines, 7000, total - from);
    return Promise.resolve(
      Array.from({ length: count }, (_, at) =>
        said(errors.has(from + at) ? "error" : "fine", "stdout", from + at),
      ),
    );
  };

  it.each([
    [-1, 1, { line: 5 }],
    [5, 1, { line: 17_000 }],
    [17_000, 1, { soFar: 317_000 }],
    [317_000, 1, { line: 350_000 }],
    [350_000, 1, { end: true }],
    [350_000, -1, { soFar: 50_000 }],
    [50_000, -1, { line: 17_000 }],
    [5, -1, { end: true }],
  ] as const)("after line %i in direction %i is %o", async (from, direction, expected) => {
    expect(await nextError(read, from, direction, total)).toEqual(expected);
  });

  it("is not looked for any longer when nobody wants it", async () => {
    reads.length = 0;
    let asked = 0;
    await nextError(read, 17_000, 1, total, () => (asked += 1) < 3);
    expect(reads.length).toBe(4);
  });
});
