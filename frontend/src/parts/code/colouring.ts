// Colours the blocks of code in Markdown that is on the page, without holding
// it up. While an agent writes, a block grows: lines that are known keep their
// colours, and the worker is asked once more when it has answered.

import { highlight } from "./highlight";
import { languageNamed, type Language } from "./language";
import { classOf, pieces, type Tokens } from "./text";

/** A longer block is data rather than code, and would hold the worker up. */
const LONGEST = 50_000;

interface Known {
  language: Language;
  lines: readonly string[];
  tokens: readonly Tokens[];
}

export class Colouring {
  /** By the place of the block among the others. */
  #known = new Map<number, Known>();
  #asked = new Set<number>();
  #blocks: HTMLElement[] = [];

  /** The page has new blocks, or new text in them. */
  paint(root: ParentNode): void {
    this.#blocks = [...root.querySelectorAll<HTMLElement>("pre > code[class*='language-']")];
    this.#blocks.forEach((block, place) => this.#one(block, place));
  }

  #one(block: HTMLElement, place: number): void {
    const name = /(?:^| )language-(\S+)/.exec(block.className)?.[1] ?? "";
    const text = block.textContent;
    const language = languageNamed(name);
    if (!language || text.length > LONGEST) return;
    const lines = text.split("\n");
    const known = this.#known.get(place);
    if (known?.language === language) {
      show(block, lines, known);
      if (known.lines.length === lines.length && lines.every((line, at) => line === known.lines[at])) return;
    }
    if (!this.#asked.has(place)) void this.#ask(place, language, text);
  }

  async #ask(place: number, language: Language, text: string): Promise<void> {
    this.#asked.add(place);
    const lines = text.split("\n");
    const tokens = await highlight(language, lines);
    this.#asked.delete(place);
    if (!tokens) return;
    this.#known.set(place, { language, lines, tokens });
    const block = this.#blocks[place];
    if (block?.isConnected) this.#one(block, place);
  }
}

/** Lines that are not known any more have no colour until they are. */
function show(block: HTMLElement, lines: readonly string[], known: Known): void {
  const parts: Node[] = [];
  lines.forEach((line, at) => {
    const tokens = known.lines[at] === line ? (known.tokens[at] ?? []) : [];
    for (const { text, word } of pieces(line, [], tokens)) {
      const name = classOf(word);
      if (!name) {
        parts.push(document.createTextNode(text));
        continue;
      }
      const span = document.createElement("span");
      span.className = name;
      span.textContent = text;
      parts.push(span);
    }
    if (at < lines.length - 1) parts.push(document.createTextNode("\n"));
  });
  block.replaceChildren(...parts);
}
