// Text that a person is typing. It outlives the component, a reload and a hub
// that vanishes in the middle: nothing typed is lost.

const PREFIX = "pilothouse.draft.";

export class Draft {
  #text = $state("");

  /** `key` names what is written: `say/<task>`, `answer/<item>`, `new`. */
  constructor(readonly key: string) {
    this.#text = localStorage.getItem(PREFIX + key) ?? "";
  }

  get text(): string {
    return this.#text;
  }

  set text(text: string) {
    this.#text = text;
    if (text === "") localStorage.removeItem(PREFIX + this.key);
    else localStorage.setItem(PREFIX + this.key, text);
  }

  /** It was sent. */
  clear(): void {
    this.text = "";
  }
}
