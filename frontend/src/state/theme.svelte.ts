// Light, dark, or what the system says. Kept on this device: a phone in bed and
// a screen at work need not agree.

export type Theme = "system" | "light" | "dark";

const KEPT = "pilothouse.theme";

class ThemeChoice {
  #chosen = $state<Theme>("system");

  get chosen(): Theme {
    return this.#chosen;
  }

  set chosen(theme: Theme) {
    this.#chosen = theme;
    localStorage.setItem(KEPT, theme);
    this.#show();
  }

  /** Before anything is painted. */
  start(): void {
    const kept = localStorage.getItem(KEPT);
    if (kept === "light" || kept === "dark") this.#chosen = kept;
    this.#show();
  }

  #show(): void {
    if (this.#chosen === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = this.#chosen;
  }
}

export const theme = new ThemeChoice();
