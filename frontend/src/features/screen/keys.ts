// Keys that a browser or a phone does not let one press, and characters as
// keys. Keysyms: X11's keysymdef.h; codes: UI Events.

export interface Stroke {
  keysym: number;
  code: string;
}

export interface Special {
  label: string;
  /** Pressed in order, released in reverse. */
  strokes: readonly Stroke[];
}

const CONTROL: Stroke = { keysym: 0xffe3, code: "ControlLeft" };
const ALT: Stroke = { keysym: 0xffe9, code: "AltLeft" };
const SHIFT: Stroke = { keysym: 0xffe1, code: "ShiftLeft" };
const SUPER: Stroke = { keysym: 0xffeb, code: "MetaLeft" };
const TAB: Stroke = { keysym: 0xff09, code: "Tab" };
const F1 = 0xffbe;

function functionKey(number: number): Stroke {
  return { keysym: F1 + number - 1, code: `F${number}` };
}

export const SPECIALS: readonly Special[] = [
  { label: "Ctrl+Alt+Del", strokes: [CONTROL, ALT, { keysym: 0xffff, code: "Delete" }] },
  { label: "Ctrl+Alt+Backspace", strokes: [CONTROL, ALT, { keysym: 0xff08, code: "Backspace" }] },
  { label: "Esc", strokes: [{ keysym: 0xff1b, code: "Escape" }] },
  { label: "Tab", strokes: [TAB] },
  { label: "Alt+Tab", strokes: [ALT, TAB] },
  { label: "Alt+F4", strokes: [ALT, functionKey(4)] },
  { label: "Super", strokes: [SUPER] },
  { label: "Menu", strokes: [{ keysym: 0xff67, code: "ContextMenu" }] },
  { label: "Print Screen", strokes: [{ keysym: 0xff61, code: "PrintScreen" }] },
  { label: "F11", strokes: [functionKey(11)] },
  ...[1, 2, 7].map((number) => ({
    label: `Ctrl+Alt+F${number}`,
    strokes: [CONTROL, ALT, functionKey(number)],
  })),
];

/** What a phone's keyboard lacks; held until the next key. */
export const HOLDABLE = { Ctrl: CONTROL, Alt: ALT, Shift: SHIFT, Super: SUPER } as const;

/** Presses in order and releases in reverse. */
export function press(strokes: readonly Stroke[], key: (stroke: Stroke, down: boolean) => void): void {
  for (const stroke of strokes) key(stroke, true);
  for (const stroke of [...strokes].reverse()) key(stroke, false);
}

const RETURN = 0xff0d;
export const BACKSPACE = 0xff08;

/** The keysym that types a character: Latin-1 as it is, all others by Unicode. */
export function keysymOf(character: string): number | null {
  const point = character.codePointAt(0);
  if (point === undefined) return null;
  if (point === 0x0a || point === 0x0d) return RETURN;
  if (point === 0x09) return TAB.keysym;
  if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return null;
  return point < 0x100 ? point : 0x0100_0000 + point;
}

/** The keys of a text, one after the other. What no key types is left out. */
export function keysymsOf(text: string): number[] {
  const typed = [...text.replaceAll("\r\n", "\n")].map(keysymOf);
  return typed.filter((keysym) => keysym !== null);
}
