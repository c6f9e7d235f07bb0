import { describe, expect, it } from "vitest";
import { columns, pieces, units } from "./text";

function bytesOf(text: string, part: string): [number, number] {
  const at = text.indexOf(part);
  const length = (of: string) => new TextEncoder().encode(of).length;
  return [length(text.slice(0, at)), length(text.slice(0, at)) + length(part)];
}

describe("byte ranges of the model", () => {
  it.each([
    ["plain ascii", "ascii"],
    ["schöne Wörter", "Wörter"],
    ["日本語の文章", "の文"],
    ["👩‍💻 codes 🎉 here", "codes"],
    ["a🎉b", "b"],
    ["🎉", "🎉"],
  ])("in %s find %s", (text, part) => {
    const [[from, to] = [0, 0]] = units(text, [bytesOf(text, part)]);
    expect(text.slice(from, to)).toBe(part);
  });

  it("beyond the line end at its end", () => {
    expect(units("ab", [[1, 99]])).toEqual([[1, 2]]);
    expect(units("", [[0, 0]])).toEqual([[0, 0]]);
  });

  it("come back in the order they were given", () => {
    expect(
      units("äöü", [
        [0, 2],
        [4, 6],
      ]),
    ).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });
});

describe("a line in pieces", () => {
  it("is cut by words and by what differs", () => {
    const found = pieces("let total = 12", [[4, 13]], [0, 3, 1, 12, 14, 3]);
    expect(found).toEqual([
      { text: "let", word: 1, emphasis: false },
      { text: " ", word: 0, emphasis: false },
      { text: "total = ", word: 0, emphasis: true },
      { text: "1", word: 3, emphasis: true },
      { text: "2", word: 3, emphasis: false },
    ]);
  });

  it("says every character once, whatever it is told", () => {
    const text = "a quick brown fox";
    for (const [marks, tokens] of [
      [[], []],
      [[[0, 99]], [5, 3, 1]],
      [
        [
          [3, 3],
          [4, 5],
        ],
        [0, 2, 1, 2, 2, 2, 2, 40, 3],
      ],
    ] as [[number, number][], number[]][]) {
      expect(
        pieces(text, marks, tokens)
          .map((piece) => piece.text)
          .join(""),
      ).toBe(text);
    }
  });
});

describe("columns of a line", () => {
  it.each([
    ["abc", 3],
    ["\ta", 5],
    ["ab\tc", 5],
    ["日本", 4],
    ["🎉", 2],
  ])("%s", (text, count) => expect(columns(text, 4)).toBe(count));
});
