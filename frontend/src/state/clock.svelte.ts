// The time, for "since" and countdowns: one timer for the whole page, and
// none while nobody looks.

class Clock {
  /** Milliseconds since the epoch, to the second. */
  now = $state(Date.now());
  #timer: ReturnType<typeof setInterval> | null = null;

  start(): void {
    const run = () => {
      if (this.#timer) clearInterval(this.#timer);
      this.#timer = null;
      if (document.hidden) return;
      this.now = Date.now();
      this.#timer = setInterval(() => (this.now = Date.now()), 1000);
    };
    document.addEventListener("visibilitychange", run);
    run();
  }
}

export const clock = new Clock();
