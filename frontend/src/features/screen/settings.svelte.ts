// How screens are shown on this device.

import type { Quality } from "./quality";

/** Scaled to the room, pixel by pixel, or the desktop made as large as the room. */
export type Fit = "fit" | "actual" | "resize";

interface Kept {
  fit: Fit;
  quality: Quality;
}

const KEY = "pilothouse.screen";
const FALLBACK: Kept = { fit: "fit", quality: "automatic" };

function read(): Kept {
  try {
    return { ...FALLBACK, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Kept>) };
  } catch {
    return FALLBACK;
  }
}

class ScreenSettings {
  #kept = $state.raw<Kept>(read());

  get fit(): Fit {
    return this.#kept.fit;
  }

  get quality(): Quality {
    return this.#kept.quality;
  }

  set(change: Partial<Kept>): void {
    this.#kept = { ...this.#kept, ...change };
    localStorage.setItem(KEY, JSON.stringify(this.#kept));
  }
}

export const settings = new ScreenSettings();
