// xterm.js with our colours, within our content security policy.

import { FitAddon } from "@xterm/addon-fit";
import { Terminal, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";

const SCROLLBACK = 10_000;

/** Which of our roles stands for which of the sixteen colours. */
const ROLES = {
  foreground: "--text",
  background: "--code-bg",
  cursor: "--text",
  cursorAccent: "--code-bg",
  selectionBackground: "--diff-add-emphasis",
  black: "--line-strong",
  red: "--run-fail",
  green: "--run-ok",
  yellow: "--run-wait",
  blue: "--accent-text",
  magenta: "--code-word",
  cyan: "--run-info",
  white: "--text-quiet",
  brightBlack: "--text-faint",
  brightRed: "--run-fail",
  brightGreen: "--run-ok",
  brightYellow: "--run-wait",
  brightBlue: "--accent-text",
  brightMagenta: "--code-word",
  brightCyan: "--run-info",
  brightWhite: "--text",
} as const satisfies Partial<Record<keyof ITheme, string>>;

/** The roles as they look here and now, in a form that xterm reads. */
function themeOf(element: HTMLElement): ITheme {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const span = element.appendChild(document.createElement("span"));
  const entries = Object.entries(ROLES).map(([name, role]) => {
    span.style.color = `var(${role})`;
    const color = getComputedStyle(span).color;
    return [name, probe ? asHex(probe, color) : color];
  });
  span.remove();
  return Object.fromEntries(entries) as ITheme;
}

/** xterm knows no `oklch()`: the pixel that it paints is asked. */
function asHex(probe: CanvasRenderingContext2D, color: string): string {
  probe.fillStyle = color;
  probe.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = probe.getImageData(0, 0, 1, 1).data;
  return `#${[red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * xterm writes its rules into `<style>` elements, which our policy refuses. The
 * same rules as adopted sheets are allowed: they are no markup that somebody
 * could have smuggled in.
 */
function withAdoptedStyles(work: () => void): CSSStyleSheet[] {
  const sheets: CSSStyleSheet[] = [];
  const make = document.createElement.bind(document);
  const making = (tag: string, options?: ElementCreationOptions): HTMLElement => {
    // An empty style element is refused as well, and said so in the console.
    const element = make(tag === "style" ? "template" : tag, options);
    if (tag === "style") {
      const sheet = new CSSStyleSheet();
      sheets.push(sheet);
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
      Object.defineProperty(element, "textContent", {
        get: () => "",
        set: (text: string) => sheet.replaceSync(text),
      });
    }
    return element;
  };
  document.createElement = making as typeof document.createElement;
  try {
    work();
  } finally {
    Reflect.deleteProperty(document, "createElement");
  }
  return sheets;
}

export interface Shown {
  terminal: Terminal;
  /** As many characters as there is room for. */
  fit(): { columns: number; rows: number } | null;
  look(): void;
  dispose(): void;
}

/** Shows a terminal in an element. */
export function show(element: HTMLElement): Shown {
  const terminal = new Terminal({
    scrollback: SCROLLBACK,
    fontFamily: getComputedStyle(element).fontFamily,
    fontSize: 13,
    theme: themeOf(element),
    cursorBlink: false,
    screenReaderMode: false,
    allowProposedApi: false,
    macOptionIsMeta: true,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  const sheets = withAdoptedStyles(() => terminal.open(element));
  return {
    terminal,
    fit() {
      const size = fit.proposeDimensions();
      if (!size || !Number.isFinite(size.cols) || !Number.isFinite(size.rows)) return null;
      return { columns: Math.max(size.cols, 1), rows: Math.max(size.rows, 1) };
    },
    look() {
      terminal.options.theme = themeOf(element);
    },
    dispose() {
      terminal.dispose();
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => !sheets.includes(sheet));
    },
  };
}
