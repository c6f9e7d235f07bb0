// How changes are shown on this device.

interface Kept {
  unified: boolean;
  wrap: boolean;
  ignoreSpace: boolean;
}

const KEY = "pilothouse.diff";

function read(): Kept {
  const fallback: Kept = {
    unified: false,
    wrap: window.matchMedia("(width < 720px)").matches,
    ignoreSpace: false,
  };
  try {
    return { ...fallback, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Kept>) };
  } catch {
    return fallback;
  }
}

class DiffSettings {
  #kept = $state.raw<Kept>(read());

  get unified(): boolean {
    return this.#kept.unified;
  }

  get wrap(): boolean {
    return this.#kept.wrap;
  }

  get ignoreSpace(): boolean {
    return this.#kept.ignoreSpace;
  }

  set(change: Partial<Kept>): void {
    this.#kept = { ...this.#kept, ...change };
    localStorage.setItem(KEY, JSON.stringify(this.#kept));
  }
}

export const settings = new DiffSettings();
