import { describe, expect, it } from "vitest";
import { parseLine } from "./ansi";
import { pieces } from "./look";

const ESC = "\x1b";

describe("a line in pieces", () => {
  it("marks what was searched for, also across colours", () => {
    const spans = parseLine(`a${ESC}[31mbc${ESC}[0md`).spans;
    expect(pieces(spans, /bcd/g).map(({ text, classes }) => [text, classes])).toEqual([
      ["a", ""],
      ["bc", "mark f1"],
      ["d", "mark"],
    ]);
  });

  it("ignores matches of nothing, and stops at very many", () => {
    const spans = parseLine("x".repeat(1000)).spans;
    expect(pieces(spans, /y*/g).length).toBe(1);
    expect(pieces(spans, /x/g).filter((piece) => piece.classes === "mark").length).toBe(200);
  });

  it("keeps colours of its own readable in both themes unless it has a background too", () => {
    const [pale] = pieces(parseLine(`${ESC}[38;2;255;255;200mx`).spans, null);
    expect(pale?.colour).toMatch(/^light-dark\(rgb\((\d+) \1 \d+\), rgb\(255 255 200\)\)$/);
    const [both] = pieces(parseLine(`${ESC}[38;2;255;255;200;48;5;16mx`).spans, null);
    expect([both?.colour, both?.background]).toEqual(["rgb(255 255 200)", "rgb(0 0 0)"]);
  });
});
