import { describe, expect, it } from "vitest";
import { PLAIN, parseLine, parseText, plainText, rgb, type Style } from "./ansi";

const ESC = "\x1b";

function looks(text: string, start?: Style): [string, Partial<Style>][] {
  return parseLine(text, start).spans.map(({ text: shown, style }) => [
    shown,
    Object.fromEntries(Object.entries(style).filter(([part, value]) => value !== PLAIN[part as keyof Style])),
  ]);
}

describe("the colours of a line", () => {
  const cases: [string, string, [string, Partial<Style>][]][] = [
    ["plain text", "just text", [["just text", {}]]],
    ["an empty line", "", []],
    [
      "sixteen colours",
      `${ESC}[31mred${ESC}[0m ${ESC}[92;44mg${ESC}[m`,
      [
        ["red", { fg: 1 }],
        [" ", {}],
        ["g", { fg: 10, bg: 4 }],
      ],
    ],
    [
      "the palette of 256",
      `${ESC}[38;5;208ma${ESC}[48;5;17mb`,
      [
        ["a", { fg: 208 }],
        ["b", { fg: 208, bg: 17 }],
      ],
    ],
    [
      "true colours, with both separators",
      `${ESC}[38;2;1;2;3ma${ESC}[38:2::1:2:3mb${ESC}[38:2:1:2:4mc`,
      [
        ["ab", { fg: 0x1010203 }],
        ["c", { fg: 0x1010204 }],
      ],
    ],
    [
      "weights, and each taken back",
      `${ESC}[1;2;3;4;7;9ma${ESC}[22;23;24;27;29mb`,
      [
        ["a", { bold: true, dim: true, italic: true, underline: true, inverse: true, strike: true }],
        ["b", {}],
      ],
    ],
    [
      "a colour taken back",
      `${ESC}[31;41ma${ESC}[39mb${ESC}[49mc`,
      [
        ["a", { fg: 1, bg: 1 }],
        ["b", { bg: 1 }],
        ["c", {}],
      ],
    ],
    [
      "curly underlines",
      `${ESC}[4:3ma${ESC}[4:0mb`,
      [
        ["a", { underline: true }],
        ["b", {}],
      ],
    ],
    ["an unfinished extended colour", `${ESC}[38;5ma`, [["a", { fg: 0 }]]],
  ];
  it.each(cases)("%s", (_, text, expected) => expect(looks(text)).toEqual(expected));

  it("go on in the next line until they are reset", () => {
    const first = parseLine(`${ESC}[1;31merror:`);
    expect(looks("still red", first.end)).toEqual([["still red", { bold: true, fg: 1 }]]);
    expect(parseLine(`${ESC}[0m`, first.end).end).toBe(PLAIN);
  });
});

describe("what a terminal would show in the end", () => {
  const cases: [string, string, string][] = [
    ["the last state of a progress bar", "10%\r50%\r100% done", "100% done"],
    ["what a shorter text does not cover", "downloading\rdone", "doneloading"],
    ["erased to the end", `downloading\rdone${ESC}[K`, "done"],
    ["a whole line erased", `downloading${ESC}[2K\rok`, "ok"],
    ["the line end of Windows", "text\r", "text"],
    ["backspaces", "abd\bc", "abc"],
    ["a spinner of backspaces", "working |\b/\b-\b\\", "working \\"],
    ["backspaces beyond the beginning", "a\b\b\bb", "b"],
    ["cursor back and forth", `abc${ESC}[2DX${ESC}[1CY`, "aXcY"],
    ["a column", `abc${ESC}[6Gf`, "abc  f"],
    ["characters deleted", `abcdef${ESC}[4D${ESC}[2P`, "abef"],
    [
      "titles and links without their wrapping",
      `${ESC}]0;title\x07a${ESC}]8;;https://x.example${ESC}\\link${ESC}]8;;${ESC}\\`,
      "alink",
    ],
    ["private modes and charsets dropped", `${ESC}[?25la${ESC}(Bb${ESC}=c`, "abc"],
    ["bells and other control characters dropped", "a\x07b\x00c", "abc"],
    ["tabs", "a\tb\rA", "A\tb"],
    [
      "characters beyond the basic plane, and joined ones",
      "\x07\u{1f469}\u200d\u{1f4bb} e\u0301\rX",
      "X e\u0301",
    ],
    ["an escape sequence cut off", `ab${ESC}[3`, "ab"],
    ["a cursor sent far away", `${ESC}[999999999C.`, `${" ".repeat(2000)}.`],
  ];
  it.each(cases)("%s", (_, text, expected) => expect(plainText(text)).toBe(expected));
});

describe("colours beyond the sixteen", () => {
  it.each([
    [16, [0, 0, 0]],
    [196, [255, 0, 0]],
    [231, [255, 255, 255]],
    [232, [8, 8, 8]],
    [0x1aabbcc, [0xaa, 0xbb, 0xcc]],
  ] as const)("%i", (colour, expected) => expect(rgb(colour)).toEqual(expected));
});

it("reads many lines, whose style goes on from line to line", () => {
  const red = { ...PLAIN, fg: 1 };
  expect(parseText("a\r\n\x1b[31mb\n10%\r100%\x1b[0m\n")).toEqual([
    { text: "a", style: PLAIN },
    { text: "\n", style: PLAIN },
    { text: "b", style: red },
    { text: "\n", style: PLAIN },
    { text: "100%", style: red },
    { text: "\n", style: PLAIN },
  ]);
});
