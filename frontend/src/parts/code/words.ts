// A theme that has kinds of word instead of colours; the page has the colours,
// for light and dark.

import type { ThemeRegistration } from "shiki/core";
import type { Word } from "./text";

/** A colour that stands for a kind of word. */
function marker(word: Word): string {
  return `#00000${word}`;
}

const SCOPES: [Word, string[]][] = [
  [
    1,
    [
      "keyword",
      "storage",
      "constant.language",
      "variable.language",
      "punctuation.definition.keyword",
      "keyword.operator.new",
    ],
  ],
  [
    2,
    [
      "string",
      "punctuation.definition.string",
      "constant.character",
      "constant.other.symbol",
      "markup.inline.raw",
      "markup.fenced_code",
    ],
  ],
  [3, ["constant.numeric", "constant.other.color", "keyword.other.unit"]],
  [4, ["comment", "punctuation.definition.comment", "string.quoted.docstring", "markup.quote"]],
  [
    5,
    [
      "entity.name.function",
      "support.function",
      "meta.function-call.generic",
      "markup.heading",
      "entity.name.section",
    ],
  ],
  [
    6,
    [
      "entity.name.type",
      "entity.name.class",
      "support.type",
      "support.class",
      "entity.name.namespace",
      "entity.other.inherited-class",
    ],
  ],
  [
    7,
    [
      "entity.name.tag",
      "entity.other.attribute-name",
      "support.type.property-name",
      "meta.object-literal.key",
      "markup.list",
    ],
  ],
  [
    0,
    [
      "keyword.operator",
      "meta.brace",
      "meta.template.expression",
      "punctuation.separator",
      "punctuation.terminator",
    ],
  ],
];

export const THEME: ThemeRegistration = {
  name: "words",
  type: "light",
  colors: { "editor.foreground": marker(0), "editor.background": "#ffffff" },
  settings: [
    { settings: { foreground: marker(0), background: "#ffffff" } },
    ...SCOPES.map(([word, scope]) => ({ scope, settings: { foreground: marker(word) } })),
  ],
};

/** What the highlighter says of a line, without words that have no colour. */
export function asTokens(line: readonly { content: string; color?: string | undefined }[]): number[] {
  const tokens: number[] = [];
  let at = 0;
  for (const { content, color } of line) {
    const word = Number(color?.at(-1) ?? 0);
    const end = at + content.length;
    const last = tokens.length - 3;
    if (word > 0 && tokens[last + 1] === at && tokens[last + 2] === word) tokens[last + 1] = end;
    else if (word > 0) tokens.push(at, end, word);
    at = end;
  }
  return tokens;
}
