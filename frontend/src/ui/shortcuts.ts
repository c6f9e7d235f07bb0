// Keys. A scope registers what its keys do while it is shown; the `?` overlay
// and the palette list what is registered, so a key that works is a key that
// can be found.
//
// Keys are written `c`, `?`, `Shift+J`, `Mod+K` (Ctrl, or Cmd on a Mac; `Ctrl+`
// means the same), `Alt+ArrowUp`, or one after another: `g i`. While a person
// types in a field only Escape and Mod combinations fire.

export interface Shortcut {
  keys: string;
  label: string;
  run: (event: KeyboardEvent) => void;
  /** Not now; another shortcut of the same keys may. */
  when?: () => boolean;
  /** Works, but is not listed. */
  hidden?: boolean;
}

export interface Scope {
  name: string;
  shortcuts: Shortcut[];
}

/** How long the second key of `g i` may take. */
const CHORD_MS = 1200;

const MAC = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);

const NAMES: Record<string, string> = {
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  Enter: "↵",
  Escape: "Esc",
  Esc: "Esc",
  Space: "Space",
  Mod: MAC ? "⌘" : "Ctrl",
  Ctrl: MAC ? "⌘" : "Ctrl",
  Cmd: MAC ? "⌘" : "Ctrl",
  Alt: MAC ? "⌥" : "Alt",
  Shift: MAC ? "⇧" : "Shift",
};

/** The caps of keys, for people. */
export function shown(keys: string): string[] {
  return keys.split(" ").flatMap((stroke) => {
    if (stroke === "+") return ["+"];
    return stroke.split("+").map((part) => NAMES[part] ?? (part.length === 1 ? part.toUpperCase() : part));
  });
}

/** One stroke in one spelling: `mod+shift+k`, `?`, `arrowup`. */
export function normal(stroke: string): string {
  if (stroke === "+") return stroke;
  const parts = stroke.toLowerCase().split("+");
  const key = parts.pop() ?? "";
  const modifiers = new Set(
    parts.map((part) => (part === "ctrl" || part === "cmd" || part === "meta" ? "mod" : part)),
  );
  const name = key === "esc" ? "escape" : key === "space" ? " " : key;
  return [...["mod", "alt", "shift"].filter((part) => modifiers.has(part)), name].join("+");
}

/** The stroke of an event. Shift counts only where it does not make another character. */
export function strokeOf(
  event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">,
): string {
  const key = event.key.toLowerCase();
  const letter = key.length > 1 || (key >= "a" && key <= "z") || key === " ";
  return [
    ...(event.ctrlKey || event.metaKey ? ["mod"] : []),
    ...(event.altKey ? ["alt"] : []),
    ...(event.shiftKey && letter ? ["shift"] : []),
    key,
  ].join("+");
}

function types(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (
    target.isContentEditable ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  ) {
    return true;
  }
  return (
    target instanceof HTMLInputElement &&
    !["checkbox", "radio", "button", "submit", "range"].includes(target.type)
  );
}

class Shortcuts {
  #scopes: Scope[] = [];
  #begun: string | null = null;
  #begunAt = 0;

  /** Adds a scope; the last one added is asked first. Returns how to take it off. */
  add(name: string, shortcuts: Shortcut[]): () => void {
    const scope = { name, shortcuts };
    this.#scopes.push(scope);
    return () => {
      this.#scopes = this.#scopes.filter((other) => other !== scope);
    };
  }

  /** What can be pressed now, scopes of the same name together. */
  list(): Scope[] {
    const byName = new Map<string, Shortcut[]>();
    for (const scope of this.#scopes) {
      const shown = scope.shortcuts.filter((shortcut) => !shortcut.hidden);
      byName.set(scope.name, [...(byName.get(scope.name) ?? []), ...shown]);
    }
    return [...byName]
      .map(([name, shortcuts]) => ({ name, shortcuts }))
      .filter((scope) => scope.shortcuts.length > 0);
  }

  /** The one listener of the window. */
  handle(event: KeyboardEvent): void {
    if (
      event.defaultPrevented ||
      event.isComposing ||
      ["Shift", "Control", "Alt", "Meta"].includes(event.key)
    )
      return;
    const stroke = strokeOf(event);
    if (types(event.target) && stroke !== "escape" && !stroke.startsWith("mod+")) return;
    const begun = event.timeStamp - this.#begunAt < CHORD_MS ? this.#begun : null;
    this.#begun = null;
    if (begun !== null && this.#fire(`${begun} ${stroke}`, event)) return;
    if (this.#fire(stroke, event)) return;
    if (this.#begins(stroke)) {
      this.#begun = stroke;
      this.#begunAt = event.timeStamp;
    }
  }

  #fire(strokes: string, event: KeyboardEvent): boolean {
    for (const scope of this.#reachable()) {
      for (const shortcut of scope.shortcuts) {
        if (spelled(shortcut.keys) !== strokes || shortcut.when?.() === false) continue;
        event.preventDefault();
        shortcut.run(event);
        return true;
      }
    }
    return false;
  }

  #begins(stroke: string): boolean {
    return this.#reachable().some((scope) =>
      scope.shortcuts.some((shortcut) => spelled(shortcut.keys).startsWith(`${stroke} `)),
    );
  }

  /** Under an open dialog nothing but the dialog is reached. */
  #reachable(): Scope[] {
    const newestFirst = [...this.#scopes].reverse();
    if (!document.querySelector("dialog[open]")) return newestFirst;
    return newestFirst.filter((scope) => scope.name === DIALOG_SCOPE);
  }
}

/** Scope of what also works while a sheet or dialog is open. */
export const DIALOG_SCOPE = "In a sheet";

function spelled(keys: string): string {
  return keys.split(" ").map(normal).join(" ");
}

export const shortcuts = new Shortcuts();
