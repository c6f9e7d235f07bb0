// The text of a line in pieces: what differs within it, and what its words are
// in its language. Pure. The model counts UTF-8 bytes, a browser UTF-16 units.

/** Kinds of word that have a colour of their own; 0 has none. */
export type Word = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;
const WORDS = ["", "word", "string", "number", "comment", "name", "type", "mark"] as const;

/** What makes a word look as it does: a class of styles/code.css. */
export function classOf(word: Word): string | undefined {
  return word === 0 ? undefined : `code-${WORDS[word]}`;
}

/** `[start, end, kind, start, end, kind, …]` in UTF-16 units, in order. */
export type Tokens = readonly number[];

export interface Piece {
  text: string;
  word: Word;
  emphasis: boolean;
}

/** Ranges of UTF-8 bytes as ranges of UTF-16 units. */
export function units(text: string, bytes: readonly (readonly [number, number])[]): [number, number][] {
  if (bytes.length === 0) return [];
  const wanted = [...new Set(bytes.flat())].sort((a, b) => a - b);
  const places = new Map<number, number>();
  let [byte, unit, next] = [0, 0, 0];
  while (next < wanted.length) {
    while (next < wanted.length && (wanted[next] ?? 0) <= byte) places.set(wanted[next++] ?? 0, unit);
    if (unit >= text.length) break;
    const point = text.codePointAt(unit) ?? 0;
    byte += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    unit += point > 0xffff ? 2 : 1;
  }
  const place = (at: number) => places.get(at) ?? text.length;
  return bytes.map(([from, to]) => [place(from), place(to)]);
}

/** Cuts a line where its look changes. */
export function pieces(
  text: string,
  emphasis: readonly (readonly [number, number])[],
  tokens: Tokens,
): Piece[] {
  const out: Piece[] = [];
  let [at, token, mark] = [0, 0, 0];
  while (at < text.length) {
    while (token < tokens.length && (tokens[token + 1] ?? 0) <= at) token += 3;
    while (mark < emphasis.length && (emphasis[mark]?.[1] ?? 0) <= at) mark += 1;
    const inToken = token < tokens.length && (tokens[token] ?? 0) <= at;
    const inMark = mark < emphasis.length && (emphasis[mark]?.[0] ?? 0) <= at;
    const ends = [
      text.length,
      (inToken ? tokens[token + 1] : tokens[token]) ?? text.length,
      emphasis[mark]?.[inMark ? 1 : 0] ?? text.length,
    ];
    const end = Math.max(at + 1, Math.min(...ends));
    const word = inToken ? ((tokens[token + 2] ?? 0) as Word) : 0;
    const last = out.at(-1);
    if (last && last.word === word && last.emphasis === inMark) last.text += text.slice(at, end);
    else out.push({ text: text.slice(at, end), word, emphasis: inMark });
    at = end;
  }
  return out;
}

/** Columns that a line takes: tabs go to the next stop, wide characters take two. */
export function columns(text: string, tab: number): number {
  let count = 0;
  for (const char of text) {
    if (char === "\t") count += tab - (count % tab);
    else count += WIDE.test(char) ? 2 : 1;
  }
  return count;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
