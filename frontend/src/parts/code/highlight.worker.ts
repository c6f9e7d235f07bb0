// Words of a language, off the main thread. Grammars run on the regular
// expressions of the browser itself: nothing is compiled, nothing evaluated.

import { createHighlighterCore, type HighlighterCore, type LanguageInput } from "shiki/core";
import { createJavaScriptRegexEngine } from "shiki/engine/javascript";
import { load, type Language } from "./language";
import { asTokens, THEME } from "./words";

export interface Ask {
  id: number;
  language: Language;
  lines: string[];
}

export interface Told {
  id: number;
  /** Tokens of each line; none where the language is not understood. */
  lines: number[][] | null;
}

/** A longer line is shown without colours: a minified file has one of megabytes. */
const LONGEST_LINE = 2000;
/**
 * Milliseconds for one line: a grammar may run away, and what is left of the
 * line then has one colour. A language's first lines also pay for its grammar.
 */
const LONGEST_MS = 5000;

let made: Promise<HighlighterCore> | null = null;
const loaded = new Map<Language, Promise<void>>();

async function highlighter(language: Language): Promise<HighlighterCore> {
  made ??= createHighlighterCore({
    themes: [THEME],
    langs: [],
    engine: createJavaScriptRegexEngine({ forgiving: true }),
  });
  const core = await made;
  let loading = loaded.get(language);
  if (!loading) {
    loading = load(language).then((grammar) => core.loadLanguage(grammar.default as LanguageInput));
    loaded.set(language, loading);
  }
  await loading;
  return core;
}

async function tell({ id, language, lines }: Ask): Promise<Told> {
  try {
    const core = await highlighter(language);
    const found = core.codeToTokensBase(lines.join("\n"), {
      lang: language,
      theme: "words",
      tokenizeMaxLineLength: LONGEST_LINE,
      tokenizeTimeLimit: LONGEST_MS,
    });
    return { id, lines: found.map(asTokens) };
  } catch {
    return { id, lines: null };
  }
}

self.onmessage = (message: MessageEvent<Ask>) =>
  void tell(message.data).then((told) => self.postMessage(told));
