// How logs are shown on this device: a phone wraps, a wide window need not.

export type LogTime = "off" | "relative" | "absolute";

interface Kept {
  wrap: boolean;
  time: LogTime;
  /** Pixels. */
  size: number;
}

const KEY = "pilothouse.log";
export const SIZES = [10, 11, 12, 13, 14, 16, 18] as const;

function read(): Kept {
  const fallback: Kept = { wrap: window.matchMedia("(width < 720px)").matches, time: "off", size: 12 };
  try {
    return { ...fallback, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Kept>) };
  } catch {
    return fallback;
  }
}

class LogSettings {
  #kept = $state.raw<Kept>(read());

  get wrap(): boolean {
    return this.#kept.wrap;
  }

  get time(): LogTime {
    return this.#kept.time;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Of a line that is not wrapped. */
  get lineHeight(): number {
    return Math.round(this.#kept.size * 1.5);
  }

  set(change: Partial<Kept>): void {
    this.#kept = { ...this.#kept, ...change };
    localStorage.setItem(KEY, JSON.stringify(this.#kept));
  }

  resize(step: 1 | -1): void {
    const at = SIZES.findIndex((size) => size >= this.#kept.size);
    this.set({ size: SIZES[Math.min(SIZES.length - 1, Math.max(0, at + step))] ?? 12 });
  }
}

export const settings = new LogSettings();
