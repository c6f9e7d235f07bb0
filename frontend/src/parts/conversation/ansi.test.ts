import { describe, expect, it } from "vitest";
import { ansiSpans, stripAnsi } from "./ansi";

describe("terminal output", () => {
  it("keeps colours and weight", () => {
    expect(ansiSpans("a\x1b[1;31mb\x1b[0mc")).toEqual([
      { text: "a", color: null, bold: false, dim: false },
      { text: "b", color: "red", bold: true, dim: false },
      { text: "c", color: null, bold: false, dim: false },
    ]);
    expect(ansiSpans("\x1b[38;5;10mok\x1b[38;2;1;2;3m?").map((span) => span.color)).toEqual(["green", null]);
  });

  const rows: [what: string, given: string, expected: string][] = [
    ["cursor movement", "\x1b[2K\x1b[1Gdone", "done"],
    ["a title", "\x1b]0;title\x07text", "text"],
    ["a link", "\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\", "text"],
    ["progress that overwrites its line", "10%\r50%\r100%\nnext", "100%\nnext"],
    ["line ends of another system", "a\r\nb\r\n", "a\nb\n"],
    ["bells and other controls", "a\x07\x00b\tc", "ab\tc"],
    ["an unfinished sequence at the end", "a\x1b[3", "a"],
  ];
  it.each(rows)("drops %s", (_, given, expected) => {
    expect(stripAnsi(given)).toBe(expected);
    expect(
      ansiSpans(given)
        .map((span) => span.text)
        .join(""),
    ).toBe(expected);
  });
});
