// Where keys go while a person drives: a text field that is not seen. Keys are
// handed on as they are pressed; what only a text field is told — a dead key's
// letter, an input method's word, a phone's keyboard, a paste without anybody's
// permission — comes out of it as text.

export interface Sink {
  /** A key as the browser tells it: `keydown` or `keyup`. */
  key(event: KeyboardEvent): void;
  text(text: string): void;
  erase(characters: number): void;
  /** Into the screen's clipboard; the key that pastes there follows. */
  paste(text: string): void;
  /** The person wants the keyboard back. */
  leave(): void;
}

/** So much stands in the field that a phone has something to erase. */
const FILLING = "\u00a0".repeat(16);
/** Until a paste is told, if there is something to paste. */
const PASTE_MS = 100;

/** Keys that are the beginning of a text, not one of their own. */
function composes(event: KeyboardEvent): boolean {
  return event.isComposing || ["Dead", "Process", "Unidentified", "Compose"].includes(event.key);
}

function pastes(event: KeyboardEvent): boolean {
  if (event.altKey) return false;
  const letter = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "v";
  return letter || (event.shiftKey && !event.ctrlKey && event.key === "Insert");
}

/** Ctrl, Alt and Shift held together, and nothing else. */
function leaves(event: KeyboardEvent): boolean {
  const modifier = ["Control", "Alt", "Shift"].includes(event.key);
  return modifier && event.ctrlKey && event.altKey && event.shiftKey;
}

/** What was done to a field's text at its end. */
export function typedBetween(before: string, after: string): { erase: number; text: string } {
  const [old, now] = [[...before], [...after]];
  let same = 0;
  while (same < old.length && same < now.length && old[same] === now[same]) same += 1;
  return { erase: old.length - same, text: now.slice(same).join("") };
}

/** The same event, for another element. */
export function copyOf(event: KeyboardEvent, type = event.type): KeyboardEvent {
  const { key, code, location, repeat, ctrlKey, shiftKey, altKey, metaKey } = event;
  return new KeyboardEvent(type, {
    ...{ key, code, location, repeat, ctrlKey, shiftKey, altKey, metaKey },
    modifierCapsLock: event.getModifierState("CapsLock"),
    modifierNumLock: event.getModifierState("NumLock"),
    modifierAltGraph: event.getModifierState("AltGraph"),
    cancelable: true,
  });
}

export class Typing {
  /** Keys that are down, as they were told. */
  #down = new Map<string, KeyboardEvent>();
  #before = FILLING;
  #paste: { key: KeyboardEvent; timer: ReturnType<typeof setTimeout> } | null = null;
  readonly #stop: () => void;

  constructor(
    readonly field: HTMLTextAreaElement,
    readonly sink: Sink,
  ) {
    const on = <K extends keyof HTMLElementEventMap>(
      name: K,
      hear: (event: HTMLElementEventMap[K]) => void,
    ): (() => void) => {
      field.addEventListener(name, hear as EventListener);
      return () => field.removeEventListener(name, hear as EventListener);
    };
    const offs = [
      on("keydown", (event) => this.#pressed(event)),
      on("keyup", (event) => this.#released(event)),
      on("paste", (event) => this.#pasted(event)),
      on("input", (event) => this.#changed(event as InputEvent)),
      on("compositionend", () => this.#tell()),
      on("blur", () => this.releaseAll()),
    ];
    this.#stop = () => offs.forEach((off) => off());
    this.#empty();
  }

  stop(): void {
    this.releaseAll();
    this.#stop();
  }

  /** Nothing stays pressed over there that is not pressed here. */
  releaseAll(): void {
    for (const event of this.#down.values()) this.sink.key(copyOf(event, "keyup"));
    this.#down.clear();
  }

  #pressed(event: KeyboardEvent): void {
    event.stopPropagation();
    if (leaves(event)) {
      event.preventDefault();
      this.releaseAll();
      this.sink.leave();
      return;
    }
    if (composes(event)) return;
    if (pastes(event)) {
      this.#expectPaste(event);
      return;
    }
    event.preventDefault();
    this.#press(event);
  }

  #press(event: KeyboardEvent): void {
    this.#down.set(event.code || event.key, event);
    this.sink.key(event);
  }

  #released(event: KeyboardEvent): void {
    event.stopPropagation();
    if (event.isComposing) return;
    const name = event.code || event.key;
    // Whose press was not told is not released either.
    if (!this.#down.delete(name)) return;
    event.preventDefault();
    this.sink.key(event);
  }

  #expectPaste(event: KeyboardEvent): void {
    const key = copyOf(event);
    if (this.#paste) clearTimeout(this.#paste.timer);
    this.#paste = { key, timer: setTimeout(() => this.#pressPaste(), PASTE_MS) };
  }

  #pasted(event: ClipboardEvent): void {
    event.preventDefault();
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (text !== "") this.sink.paste(text);
    this.#pressPaste();
  }

  /** Now, that the screen's clipboard is told of. */
  #pressPaste(): void {
    if (!this.#paste) return;
    const { key, timer } = this.#paste;
    clearTimeout(timer);
    this.#paste = null;
    this.sink.key(key);
    this.sink.key(copyOf(key, "keyup"));
  }

  #changed(event: InputEvent): void {
    // Half a word of an input method is none; a phone composes every word.
    if (event.isComposing && !matchMedia("(pointer: coarse)").matches) return;
    this.#tell();
  }

  #tell(): void {
    const { erase, text } = typedBetween(this.#before, this.field.value);
    this.#before = this.field.value;
    if (erase > 0) this.sink.erase(erase);
    if (text !== "") this.sink.text(text);
    if (this.#before.length < FILLING.length / 2 || this.#before.length > 4 * FILLING.length) this.#empty();
  }

  #empty(): void {
    this.field.value = FILLING;
    this.#before = FILLING;
    this.field.setSelectionRange?.(FILLING.length, FILLING.length);
  }
}
