// What a line of a terminal looks like in the end: colours and weights (SGR),
// and what carriage returns, backspaces and erasing leave of it. Pure. A line
// begins with the style that the line before it ended with; everything else a
// terminal may be told (cursor to another line, titles, links) is dropped.

/** 0…255 of the terminal's palette, or 24 bits marked as such. */
export type Colour = number;
const TRUE = 0x100_0000;

export interface Style {
  readonly fg: Colour | null;
  readonly bg: Colour | null;
  readonly bold: boolean;
  readonly dim: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
  readonly inverse: boolean;
  readonly strike: boolean;
  readonly hidden: boolean;
}

export interface Span {
  text: string;
  style: Style;
}

export interface Parsed {
  spans: Span[];
  /** Of what follows. */
  end: Style;
}

export const PLAIN: Style = {
  fg: null,
  bg: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  inverse: false,
  strike: false,
  hidden: false,
};

// eslint-disable-next-line no-control-regex -- control characters are what it is about
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f\x9b]/;
// A CSI, an OSC (ended by BEL or ST), another string, or a short sequence.
const SEQUENCE =
  // eslint-disable-next-line no-control-regex -- as above
  /(?:\x1b\[|\x9b)([0-?]*)([ -/]*)([@-~])|(?:\x1b\[|\x9b)[0-?]*[ -/]*|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-~]?/y;

export function parseLine(text: string, start: Style = PLAIN): Parsed {
  const whole = text.endsWith("\r") ? text.slice(0, -1) : text;
  if (!CONTROL.test(whole)) return { spans: whole === "" ? [] : [{ text: whole, style: start }], end: start };
  return new Line(start).read(whole);
}

/** Many lines, the style of each going on where the one before ended. */
export function parseText(text: string): Span[] {
  let style = PLAIN;
  return text.split("\n").flatMap((line, at) => {
    const { spans, end } = parseLine(line, style);
    style = end;
    return at === 0 ? spans : [{ text: "\n", style: PLAIN }, ...spans];
  });
}

/** The text of a line without any of it, for search and copying. */
export function plainText(text: string): string {
  if (!CONTROL.test(text)) return text;
  return parseLine(text)
    .spans.map((span) => span.text)
    .join("");
}

/** A line being written: what stands in each place, and where the cursor is. */
class Line {
  #places: string[] = [];
  #styles: Style[] = [];
  #cursor = 0;
  #style: Style;

  constructor(start: Style) {
    this.#style = start;
  }

  read(text: string): Parsed {
    let at = 0;
    while (at < text.length) {
      const char = text.charAt(at);
      if (char === "\x1b" || char === "\x9b") at = this.#sequence(text, at);
      else at += this.#write(text, at, char);
    }
    return { spans: this.#spans(), end: this.#style };
  }

  #write(text: string, at: number, char: string): number {
    if (char === "\r") this.#cursor = 0;
    else if (char === "\b") this.#cursor = Math.max(0, this.#cursor - 1);
    else if (char === "\t" || !CONTROL.test(char)) {
      const whole = String.fromCodePoint(text.codePointAt(at) ?? 0);
      // A mark that combines with the character before it stands in its place.
      const before = this.#cursor > 0 ? this.#places[this.#cursor - 1] : undefined;
      if (before !== undefined && (/^(?:\p{M}|\u200d|\ufe0f)$/u.test(whole) || before.endsWith("\u200d"))) {
        this.#places[this.#cursor - 1] = before + whole;
      } else this.#put(whole);
      return whole.length;
    }
    return 1;
  }

  #put(char: string): void {
    this.#pad(this.#cursor);
    this.#places[this.#cursor] = char;
    this.#styles[this.#cursor] = this.#style;
    this.#cursor += 1;
  }

  #pad(to: number): void {
    while (this.#places.length < to) {
      this.#places.push(" ");
      this.#styles.push(PLAIN);
    }
  }

  #sequence(text: string, at: number): number {
    SEQUENCE.lastIndex = at;
    const found = SEQUENCE.exec(text);
    if (!found) return at + 1;
    const [, given = "", between, letter] = found;
    if (letter !== undefined && between === "" && !/[<=>?]/.test(given)) this.#control(letter, given);
    return at + found[0].length;
  }

  #control(letter: string, given: string): void {
    const first = Number.parseInt(given, 10);
    const count = Math.max(1, Number.isNaN(first) ? 1 : first);
    // A cursor beyond any terminal would make a line of nothing but spaces.
    const FAR = 2000;
    if (letter === "m") this.#style = restyle(this.#style, given);
    else if (letter === "K") this.#erase(Number.isNaN(first) ? 0 : first);
    else if (letter === "C")
      this.#cursor = Math.min(Math.max(FAR, this.#places.length), this.#cursor + count);
    else if (letter === "D") this.#cursor = Math.max(0, this.#cursor - count);
    else if (letter === "G") this.#cursor = Math.min(Math.max(FAR, this.#places.length), count - 1);
    else if (letter === "P") this.#cut(count);
    else if (letter === "X") this.#blank(this.#cursor, this.#cursor + count);
  }

  #cut(count: number): void {
    this.#places.splice(this.#cursor, count);
    this.#styles.splice(this.#cursor, count);
  }

  #blank(from: number, to: number): void {
    for (let at = from; at < Math.min(to, this.#places.length); at += 1) {
      this.#places[at] = " ";
      this.#styles[at] = PLAIN;
    }
  }

  #erase(what: number): void {
    if (what === 0) this.#cut(this.#places.length);
    else if (what === 1) this.#blank(0, this.#cursor + 1);
    else if (what === 2) this.#blank(0, this.#places.length);
    let end = this.#places.length;
    while (end > 0 && this.#places[end - 1] === " " && this.#styles[end - 1] === PLAIN) end -= 1;
    if (what === 2) this.#places.length = this.#styles.length = end;
  }

  #spans(): Span[] {
    const spans: Span[] = [];
    this.#places.forEach((char, at) => {
      const style = this.#styles[at] ?? PLAIN;
      const last = spans.at(-1);
      if (last && same(last.style, style)) last.text += char;
      else spans.push({ text: char, style });
    });
    return spans;
  }
}

export function same(one: Style, other: Style): boolean {
  return one === other || (Object.keys(PLAIN) as (keyof Style)[]).every((part) => one[part] === other[part]);
}

/** A style after a "select graphic rendition". */
function restyle(style: Style, given: string): Style {
  const next: { -readonly [part in keyof Style]: Style[part] } = { ...style };
  // `38:2::r:g:b` is the same as `38;2;r;g;b`, whatever stands between the colons.
  const codes = given
    .replace(/(\d+):2:(?:\d*:)?(\d+):(\d+):(\d+)/g, "$1;2;$2;$3;$4")
    .replace(/(\d+):5:(\d+)/g, "$1;5;$2")
    .replace(/\b4:0\b/g, "24")
    .replace(/:\d*/g, "")
    .split(";")
    .map((code) => Number.parseInt(code, 10) || 0);
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    if (code === 38 || code === 48) {
      const [colour, used] = extended(codes.slice(at + 1));
      if (colour !== undefined) next[code === 38 ? "fg" : "bg"] = colour;
      at += used;
    } else Object.assign(next, simple(code));
  }
  return same(next, PLAIN) ? PLAIN : next;
}

function extended(codes: number[]): [Colour | undefined, number] {
  const [how, red = 0, green = 0, blue = 0] = codes;
  if (how === 5) return [red & 255, 2];
  if (how === 2) return [TRUE | ((red & 255) << 16) | ((green & 255) << 8) | (blue & 255), 4];
  return [undefined, codes.length];
}

const SIMPLE: Record<number, Partial<Style>> = {
  0: PLAIN,
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  8: { hidden: true },
  9: { strike: true },
  21: { underline: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  28: { hidden: false },
  29: { strike: false },
  39: { fg: null },
  49: { bg: null },
};

function simple(code: number): Partial<Style> {
  if (code >= 30 && code <= 37) return { fg: code - 30 };
  if (code >= 40 && code <= 47) return { bg: code - 40 };
  if (code >= 90 && code <= 97) return { fg: code - 90 + 8 };
  if (code >= 100 && code <= 107) return { bg: code - 100 + 8 };
  return SIMPLE[code] ?? {};
}

/** Red, green and blue of a colour that is not one of the sixteen. */
export function rgb(colour: Colour): [number, number, number] {
  if (colour >= TRUE) return [(colour >> 16) & 255, (colour >> 8) & 255, colour & 255];
  if (colour >= 232) return Array<number>(3).fill(8 + (colour - 232) * 10) as [number, number, number];
  const cube = colour - 16;
  const level = (step: number) => (step === 0 ? 0 : 55 + 40 * step);
  return [level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)];
}
