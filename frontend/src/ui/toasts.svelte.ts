// Short messages at the edge: what was done, what failed outside of any form.

import type { Tone } from "./icon";

export interface Toast {
  tone?: Tone;
  text: string;
  /** Something to do about it. */
  action?: { label: string; run: () => void };
}

export interface ShownToast extends Toast {
  id: number;
}

/** Long enough to read twice; one with an action stays until it is put away. */
const SHOWN_MS = 6000;
const AT_MOST = 4;

class Toasts {
  shown = $state.raw<ShownToast[]>([]);
  #next = 1;

  say(toast: Toast): void {
    const same = this.shown.find((other) => other.text === toast.text);
    if (same) this.close(same.id);
    const id = this.#next++;
    this.shown = [...this.shown, { ...toast, id }].slice(-AT_MOST);
    if (!toast.action) setTimeout(() => this.close(id), SHOWN_MS);
  }

  close(id: number): void {
    this.shown = this.shown.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
