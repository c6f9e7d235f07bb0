// Plays something along a clock: on, back, and faster.

/** What is played. */
export interface Reel {
  /** Milliseconds. */
  readonly length: number;
  /** Shows how it was `at`; `from` is what is shown, none: nothing yet. */
  show(at: number, from: number | null): void;
}

export type Speed = "1" | "2" | "4" | "8";

/** A hand on the keyboard moves so far. */
export const STEP_MS = 5000;
/** While nothing happens for long, a person does not wait for it. */
const LONGEST_TICK_MS = 250;

export class Playback {
  at = $state(0);
  playing = $state(false);
  speed = $state<Speed>("1");
  #shown: number | null = null;
  #frame = 0;
  #last = 0;

  constructor(readonly reel: Reel) {
    this.#show();
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play();
  }

  /** From the start, if it stands at the end. */
  play(): void {
    if (this.at >= this.reel.length) this.seek(0);
    this.playing = true;
    this.#last = performance.now();
    this.#next();
  }

  pause(): void {
    this.playing = false;
    cancelAnimationFrame(this.#frame);
  }

  seek(at: number): void {
    this.at = Math.min(Math.max(at, 0), this.reel.length);
    this.#show();
  }

  /** So much time has passed. */
  advance(ms: number): void {
    this.at = Math.min(this.at + ms * Number(this.speed), this.reel.length);
    this.#show();
    if (this.at >= this.reel.length) this.pause();
  }

  #next(): void {
    this.#frame = requestAnimationFrame((now) => {
      const passed = Math.min(Math.max(now - this.#last, 0), LONGEST_TICK_MS);
      this.#last = now;
      this.advance(passed);
      if (this.playing) this.#next();
    });
  }

  #show(): void {
    this.reel.show(this.at, this.#shown);
    this.#shown = this.at;
  }
}

/** `1:02:03`, without hours where there are none. */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (part: number) => String(part).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
