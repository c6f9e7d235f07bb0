// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { normal, shortcuts, shown, strokeOf, type Shortcut } from "./shortcuts";

let pressed: string[] = [];
let off: (() => void)[] = [];
let time = 1000;

function add(name: string, keys: string[], when?: () => boolean): void {
  const listed = keys.map((key): Shortcut => {
    const run = () => pressed.push(`${name}:${key}`);
    return when ? { keys: key, label: key, run, when } : { keys: key, label: key, run };
  });
  off.push(shortcuts.add(name, listed));
}

function press(
  key: string,
  options: KeyboardEventInit & { target?: HTMLElement; after?: number } = {},
): KeyboardEvent {
  time += options.after ?? 50;
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...options });
  Object.defineProperty(event, "timeStamp", { value: time });
  Object.defineProperty(event, "target", { value: options.target ?? document.body });
  shortcuts.handle(event);
  return event;
}

beforeEach(() => {
  pressed = [];
  time += 10_000;
});

afterEach(() => {
  for (const take of off) take();
  off = [];
  document.body.innerHTML = "";
});

describe("shortcuts", () => {
  it("fires one stroke and keeps the browser from acting on it", () => {
    add("a", ["c"]);
    expect(press("c").defaultPrevented).toBe(true);
    expect(pressed).toEqual(["a:c"]);
  });

  it("fires two strokes one after another, and neither alone", () => {
    add("a", ["g i", "i"]);
    press("g");
    expect(pressed).toEqual([]);
    press("i");
    press("i");
    expect(pressed).toEqual(["a:g i", "a:i"]);
  });

  it("forgets the first stroke when the second comes late", () => {
    add("a", ["g i"]);
    press("g");
    press("i", { after: 5000 });
    expect(pressed).toEqual([]);
  });

  it("asks the newest scope first, and the next one where it does not want to", () => {
    let wants = true;
    add("old", ["/"]);
    add("new", ["/"], () => wants);
    press("/");
    wants = false;
    press("/");
    expect(pressed).toEqual(["new:/", "old:/"]);
  });

  it("leaves keys alone while a person types, but for Escape and Mod", () => {
    add("a", ["c", "Escape", "Mod+K"]);
    const field = document.body.appendChild(document.createElement("textarea"));
    press("c", { target: field });
    press("Escape", { target: field });
    press("k", { target: field, ctrlKey: true });
    expect(pressed).toEqual(["a:Escape", "a:Mod+K"]);
  });

  it("reaches nothing below an open dialog", () => {
    add("a", ["c"]);
    const dialog = document.body.appendChild(document.createElement("dialog"));
    dialog.setAttribute("open", "");
    press("c");
    dialog.remove();
    press("c");
    expect(pressed).toEqual(["a:c"]);
  });

  it("does nothing any more once its scope is off", () => {
    add("a", ["c"]);
    for (const take of off) take();
    press("c");
    expect(pressed).toEqual([]);
    expect(shortcuts.list()).toEqual([]);
  });

  it("lists scopes of one name together, without what is hidden", () => {
    add("Everywhere", ["c"]);
    add("Everywhere", ["g i"]);
    off.push(shortcuts.add("Task", [{ keys: "x", label: "x", run: () => undefined, hidden: true }]));
    expect(shortcuts.list().map((scope) => [scope.name, scope.shortcuts.map(({ keys }) => keys)])).toEqual([
      ["Everywhere", ["c", "g i"]],
    ]);
  });
});

describe("the spelling of keys", () => {
  const event = { key: "", ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };

  it("is the same for the ways to write it", () => {
    expect(["Ctrl+K", "Cmd+K", "mod+k", "Meta+k"].map(normal)).toEqual(Array(4).fill("mod+k"));
    expect(normal("Shift+Mod+P")).toBe("mod+shift+p");
    expect(normal("Esc")).toBe("escape");
  });

  it("counts Shift for letters, and not where it makes another character", () => {
    expect(strokeOf({ ...event, key: "J", shiftKey: true })).toBe("shift+j");
    expect(strokeOf({ ...event, key: "?", shiftKey: true })).toBe("?");
    expect(strokeOf({ ...event, key: "ArrowUp", shiftKey: true, altKey: true })).toBe("alt+shift+arrowup");
  });

  it("is shown as caps", () => {
    expect(shown("g i")).toEqual(["G", "I"]);
    expect(shown("Mod+Enter")).toEqual(["Ctrl", "↵"]);
  });
});
