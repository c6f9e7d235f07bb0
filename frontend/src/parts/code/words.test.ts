import { createHighlighterCore, type LanguageInput } from "shiki/core";
import { createJavaScriptRegexEngine } from "shiki/engine/javascript";
import { describe, expect, it } from "vitest";
import { languageNamed, languageOf, load } from "./language";
import { classOf, pieces } from "./text";
import { asTokens, THEME } from "./words";

describe("the language of a file", () => {
  it.each([
    ["src/main.rs", "rust"],
    ["a/B.TSX", "tsx"],
    ["Dockerfile", "docker"],
    ["deploy/Dockerfile.dev", "docker"],
    ["Makefile", "make"],
    [".gitignore", null],
    ["LICENSE", null],
    ["x.unknown", null],
  ])("%s", (path, language) => expect(languageOf(path)).toBe(language));
});

it.each([
  ["rust", "rust"],
  ["TS", "typescript"],
  ["sh", "shellscript"],
  ["console", "shellscript"],
  ["toString", null],
  ["", null],
])("the language that a fence calls %s", (name, language) => expect(languageNamed(name)).toBe(language));

describe("the words of a line", () => {
  it("are told by kind, with the browser's own expressions", async () => {
    const core = await createHighlighterCore({
      themes: [THEME],
      langs: [],
      engine: createJavaScriptRegexEngine({ forgiving: true }),
    });
    const check = async (language: "rust" | "typescript", code: string) => {
      await core.loadLanguage((await load(language)).default as LanguageInput);
      const [line = []] = core.codeToTokensBase(code, {
        lang: language,
        theme: "words",
        tokenizeTimeLimit: 0,
      });
      return pieces(code, [], asTokens(line))
        .filter((piece) => piece.word > 0)
        .map((piece) => `${classOf(piece.word)}:${piece.text.trim()}`);
    };
    expect(await check("rust", "fn main() { let n = 12; } // done")).toEqual([
      "code-word:fn",
      "code-name:main",
      "code-word:let",
      "code-number:12",
      "code-comment:// done",
    ]);
    expect(await check("typescript", 'const a = "b" + f(1);')).toEqual(
      expect.arrayContaining(["code-word:const", 'code-string:"b"', "code-name:f", "code-number:1"]),
    );
  });

  it("that follow each other and are of one kind are one", () => {
    const line = [
      { content: "ab", color: "#000001" },
      { content: "cd", color: "#000001" },
      { content: " ", color: "#000000" },
      { content: "x", color: "#000002" },
    ];
    expect(asTokens(line)).toEqual([0, 4, 1, 5, 6, 2]);
  });
});
