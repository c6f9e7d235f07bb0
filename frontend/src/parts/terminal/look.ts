// A line as pieces to show: its spans, cut where what was searched for begins
// and ends, with the classes and colours that make them look so. Pure.

import { rgb, type Colour, type Span, type Style } from "./ansi";

export interface Piece {
  text: string;
  classes: string;
  colour: string | null;
  background: string | null;
}

/** At most so many marks in one line; a match of every letter is no mark. */
const MOST_MARKS = 200;

export function pieces(spans: readonly Span[], find: RegExp | null): Piece[] {
  const marks = find ? matches(spans.map((span) => span.text).join(""), find) : [];
  const out: Piece[] = [];
  let at = 0;
  for (const span of spans) {
    const end = at + span.text.length;
    const cuts = new Set([at, end]);
    for (const [from, to] of marks) for (const cut of [from, to]) if (cut > at && cut < end) cuts.add(cut);
    const places = [...cuts].sort((a, b) => a - b);
    for (let index = 0; index + 1 < places.length; index += 1) {
      const [from = 0, to = 0] = [places[index], places[index + 1]];
      const marked = marks.some(([first, last]) => first <= from && to <= last);
      out.push(piece(span.text.slice(from - at, to - at), span.style, marked));
    }
    at = end;
  }
  return out;
}

function matches(text: string, find: RegExp): [number, number][] {
  const found: [number, number][] = [];
  for (const match of text.matchAll(find)) {
    if (match[0] !== "") found.push([match.index, match.index + match[0].length]);
    if (found.length >= MOST_MARKS) break;
  }
  return found;
}

function piece(text: string, style: Style, marked: boolean): Piece {
  const { fg, bg, inverse } = style;
  const classes = [
    marked && "mark",
    style.bold && "bold",
    style.dim && "dim",
    style.italic && "italic",
    style.underline && "underline",
    style.strike && "strike",
    style.hidden && "concealed",
    inverse && "inverse",
    fg !== null && fg < 16 && `f${fg}`,
    bg !== null && bg < 16 && `b${bg}`,
  ];
  const background = bg !== null && bg >= 16 ? css(bg) : null;
  return {
    text,
    classes: classes.filter(Boolean).join(" "),
    colour: fg !== null && fg >= 16 ? (bg === null && !inverse ? legible(fg) : css(fg)) : null,
    background,
  };
}

function css(colour: Colour): string {
  return `rgb(${rgb(colour).join(" ")})`;
}

/** Programs choose colours for a dark terminal; on a light page they are darker. */
function legible(colour: Colour): string {
  const [red, green, blue] = rgb(colour);
  const bright = (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
  const light = bright > 0.45 ? mix([red, green, blue], 0, 1 - 0.4 / bright) : [red, green, blue];
  const dark = bright < 0.4 ? mix([red, green, blue], 255, 0.45 - bright) : [red, green, blue];
  return `light-dark(rgb(${light.join(" ")}), rgb(${dark.join(" ")}))`;
}

function mix(colour: number[], towards: number, share: number): number[] {
  return colour.map((part) => Math.round(part + (towards - part) * share));
}
