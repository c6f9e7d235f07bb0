// Output of a terminal as spans: colours and weight are kept, everything else
// that steers a terminal is dropped, and a carriage return overwrites its line.

/* eslint-disable no-control-regex -- control characters are what is looked for */

export type AnsiColor = "black" | "red" | "green" | "yellow" | "blue" | "magenta" | "cyan" | "white";

export interface AnsiSpan {
  text: string;
  color: AnsiColor | null;
  bold: boolean;
  dim: boolean;
}

const COLORS: readonly AnsiColor[] = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

const SEQUENCE =
  /\x1b(?:\[([0-9;:?]*)[ -/]*([@-~]|$)|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])/g;
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g;

/** Without anything that steers a terminal. */
export function stripAnsi(text: string): string {
  return overwritten(text.replace(SEQUENCE, "")).replace(CONTROL, "");
}

export function ansiSpans(text: string): AnsiSpan[] {
  const source = overwritten(text);
  const spans: AnsiSpan[] = [];
  let style: Omit<AnsiSpan, "text"> = { color: null, bold: false, dim: false };
  let from = 0;
  const put = (until: number) => {
    const words = source.slice(from, until).replace(CONTROL, "");
    if (words !== "") spans.push({ text: words, ...style });
  };
  for (const match of source.matchAll(SEQUENCE)) {
    put(match.index);
    from = match.index + match[0].length;
    if (match[2] === "m") style = styled(style, match[1] ?? "");
  }
  put(source.length);
  return spans;
}

function styled(style: Omit<AnsiSpan, "text">, codes: string): Omit<AnsiSpan, "text"> {
  let next = { ...style };
  const numbers = codes.split(/[;:]/).map(Number);
  for (let at = 0; at < numbers.length; at += 1) {
    const code = numbers[at] ?? 0;
    if (code === 0) next = { color: null, bold: false, dim: false };
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 22) next = { ...next, bold: false, dim: false };
    else if (code >= 30 && code <= 37) next.color = COLORS[code - 30] ?? null;
    else if (code >= 90 && code <= 97) next.color = COLORS[code - 90] ?? null;
    else if (code === 39) next.color = null;
    else if (code === 38 || code === 48) {
      // 5;n is one of 256, of which the first sixteen have names; 2;r;g;b has none.
      const named = numbers[at + 1] === 5 ? (numbers[at + 2] ?? 16) : 16;
      if (code === 38) next.color = named < 16 ? (COLORS[named % 8] ?? null) : null;
      at += numbers[at + 1] === 5 ? 2 : 4;
    }
  }
  return next;
}

function overwritten(text: string): string {
  if (!text.includes("\r")) return text;
  return text
    .split("\n")
    .map((line) => {
      const ended = line.replace(/\r+$/, "");
      return ended.slice(ended.lastIndexOf("\r") + 1);
    })
    .join("\n");
}
