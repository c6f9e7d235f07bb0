import { beforeEach, expect, it, vi } from "vitest";
import { Colouring } from "./colouring";

const asked: { lines: string[]; tell: (tokens: number[][] | null) => void }[] = [];
vi.mock("./highlight", () => ({
  highlight: (_: string, lines: string[]) =>
    new Promise<number[][] | null>((tell) => asked.push({ lines, tell })),
}));

beforeEach(() => {
  asked.length = 0;
  document.body.replaceChildren();
});

function write(text: string, language = "ts"): void {
  const block = document.createElement("code");
  block.className = `language-${language}`;
  block.textContent = text;
  const pre = document.createElement("pre");
  pre.append(block);
  document.body.replaceChildren(pre);
}

const inner = () => document.querySelector("code")?.innerHTML;
const answer = async (tokens: number[][] | null) => {
  asked.shift()?.tell(tokens);
  await new Promise((resolve) => setTimeout(resolve, 0));
};

it("colours a block when its words are told, and never what is markup in it", async () => {
  write("let a = '<b>';");
  new Colouring().paint(document);
  expect(inner()).toBe("let a = '&lt;b&gt;';");
  await answer([[0, 3, 1, 8, 13, 2]]);
  expect(inner()).toBe(
    `<span class="code-word">let</span> a = <span class="code-string">'&lt;b&gt;'</span>;`,
  );
});

it("keeps the colours of lines that are known while more is written", async () => {
  const colouring = new Colouring();
  write("let a");
  colouring.paint(document);
  write("let a\nlet b");
  colouring.paint(document);
  // One question at a time.
  expect(asked.map(({ lines }) => lines)).toEqual([["let a"]]);
  await answer([[0, 3, 1]]);
  expect(inner()).toBe(`<span class="code-word">let</span> a\nlet b`);
  await answer([
    [0, 3, 1],
    [0, 3, 1],
  ]);
  expect(inner()).toBe(`<span class="code-word">let</span> a\n<span class="code-word">let</span> b`);
  expect(asked).toEqual([]);
});

it.each([
  ["no language that is known", "let a", "toString"],
  ["more text than code has", "a".repeat(60_000), "ts"],
])("leaves a block alone that has %s", (_, text, language) => {
  write(text, language);
  new Colouring().paint(document);
  expect(asked).toEqual([]);
});
