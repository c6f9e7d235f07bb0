import { describe, expect, it } from "vitest";
import { anchorOf, linesOf, placed, quoteOf, type Anchored } from "./notes";
import type { Row } from "./rows";

function note(first: number | null, quote: string, last?: number): Anchored {
  return { old_side: false, first_line: first, last_line: last ?? null, quote };
}

function lines(text: string, from = 1): Map<number, string> {
  return new Map(text.split("\n").map((line, at) => [from + at, line]));
}

describe("the lines of a comment", () => {
  const file = lines("a\nb\nc\nd\nb\nc\n\n");
  it.each([
    ["where they were", note(2, "b\nc", 3), 2],
    ["where they moved to, the nearest of all places", note(4, "b\nc", 5), 5],
    ["nowhere, when they are gone", note(2, "x"), null],
    ["nowhere, when they were blank and something else is there", note(2, ""), 2],
    ["nowhere, when only white space was there", note(2, "  "), null],
    ["none, for a comment on the file", note(null, ""), null],
    ["there even when the line end differs", note(1, "a\r"), 1],
  ])("are %s", (_, of, expected) => expect(placed(of, file)).toBe(expected));

  it("are not looked for in what is not known", () => {
    expect(placed(note(10, "b"), lines("b", 5000))).toBeNull();
  });

  it("are quoted with nothing for what is not known", () => {
    expect(quoteOf(file, 6, 9)).toBe("c\n\n\n");
  });

  it("have an anchor below the last of them", () => {
    expect(anchorOf(note(3, "", 5))).toBe("n5");
    expect(anchorOf({ ...note(3, ""), old_side: true })).toBe("o3");
    expect(anchorOf(note(null, ""))).toBeNull();
  });
});

describe("the lines of each side", () => {
  it("come from both kinds of row", () => {
    const cell = (line: number, text: string) => ({ line, text, emphasis: [], no_newline: false });
    const rows: [number, Row][] = [
      [0, { row: "same", old: 1, new: 1, text: "same" }],
      [1, { row: "differs", old: cell(2, "old"), new: null }],
      [2, { row: "differs", old: null, new: cell(2, "new") }],
    ];
    const sides = linesOf(rows);
    expect([...sides.old]).toEqual([
      [1, "same"],
      [2, "old"],
    ]);
    expect([...sides.new]).toEqual([
      [1, "same"],
      [2, "new"],
    ]);
  });
});
