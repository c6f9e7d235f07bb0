// What is shown of a recording at a moment: a screen through the same viewer
// as a live one, a terminal through the same as a live one.

import { Channel } from "$/parts/screen/channel";
import { Rfb } from "$/parts/screen/rfb";
import { show } from "$/parts/terminal/xterm";
import type { Cast } from "./cast";
import type { Reel } from "./playback.svelte";
import { startBefore, type Recording } from "./rfbs";

/** A reel that takes room on the page. */
export interface ShownReel extends Reel {
  close(): void;
}

/** What is handed to the viewer between two breaths of the page. */
const GULP = 2 * 1024 * 1024;

export class ScreenReel implements ShownReel {
  readonly length: number;
  #rfb: Rfb | null = null;
  #channel: Channel | null = null;
  /** The next block to show. */
  #next = 0;
  #to = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Those that are seen until the present one has something to show. */
  #old = new Set<Rfb>();
  readonly #pointer: HTMLElement;

  constructor(
    readonly place: HTMLElement,
    readonly recording: Recording,
    readonly broken: () => void,
  ) {
    this.length = recording.length;
    this.#pointer = document.createElement("div");
    this.#pointer.className = "pointer";
    this.#pointer.hidden = true;
    place.append(this.#pointer);
  }

  show(at: number, from: number | null): void {
    const start = startBefore(this.recording, at);
    // Backwards, or so far on that a later stream begins there: from its start.
    if (from === null || at < from || start > this.#next) this.#begin(start);
    this.#to = at;
    clearTimeout(this.#timer);
    this.#feed();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#drop();
    this.#pointer.remove();
  }

  #begin(start: number): void {
    if (this.#rfb) this.#old.add(this.#rfb);
    this.#open();
    this.#next = start + 1;
  }

  #open(): void {
    // What the viewer says is for a server that is not there.
    const channel = new Channel(() => undefined);
    const rfb = new Rfb(this.place, channel, { shared: true });
    channel.onbroken = this.broken;
    rfb.addEventListener("disconnect", (event) => {
      if (!(event as CustomEvent<{ clean: boolean }>).detail.clean) this.broken();
    });
    rfb.addEventListener("connect", () => {
      // Two frames on, its first picture is seen.
      requestAnimationFrame(() => requestAnimationFrame(() => this.#dropOld(rfb)));
    });
    rfb.viewOnly = true;
    rfb.scaleViewport = true;
    rfb.background = "transparent";
    [this.#rfb, this.#channel] = [rfb, channel];
  }

  #dropOld(present: Rfb): void {
    if (present !== this.#rfb) return;
    for (const old of this.#old) old.disconnect();
    this.#old.clear();
  }

  #drop(): void {
    for (const old of this.#old) old.disconnect();
    this.#old.clear();
    this.#rfb?.disconnect();
    this.#rfb = null;
    this.#channel = null;
  }

  #feed(): void {
    const { blocks } = this.recording;
    let gulp = 0;
    let fed = false;
    for (;;) {
      const block = blocks[this.#next];
      if (!block || block.at > this.#to) break;
      if (gulp > GULP) {
        this.#timer = setTimeout(() => this.#feed());
        break;
      }
      this.#next += 1;
      if (block.kind === "stream") {
        // Another stream while this one plays on: it shows the same, anew.
        this.#begin(this.#next - 1);
      } else if (block.kind === "bytes") {
        gulp += block.bytes.length;
        this.#channel?.take(block.bytes);
        fed = true;
      } else this.#point(block.x, block.y, block.buttons);
    }
    // What came with the greeting is looked at when something comes after it.
    if (fed) this.#channel?.take(new Uint8Array());
  }

  #point(x: number, y: number, buttons: number): void {
    const canvas = [...this.place.querySelectorAll("canvas")].at(-1);
    if (!canvas || canvas.width === 0) return;
    const [inner, outer] = [canvas.getBoundingClientRect(), this.place.getBoundingClientRect()];
    const scale = inner.width / canvas.width;
    this.#pointer.hidden = false;
    this.#pointer.dataset["pressed"] = String(buttons % 8 > 0);
    this.#pointer.style.left = `${inner.left - outer.left + x * scale}px`;
    this.#pointer.style.top = `${inner.top - outer.top + y * scale}px`;
  }
}

export class CastReel implements ShownReel {
  readonly length: number;
  #next = 0;
  readonly #shown: ReturnType<typeof show>;

  constructor(
    place: HTMLElement,
    readonly cast: Cast,
  ) {
    this.length = cast.length;
    this.#shown = show(place);
    this.#shown.terminal.options.disableStdin = true;
  }

  show(at: number, from: number | null): void {
    const { terminal } = this.#shown;
    if (from === null || at < from) {
      terminal.reset();
      terminal.resize(this.cast.columns, this.cast.rows);
      this.#next = 0;
    }
    for (;;) {
      const event = this.cast.events[this.#next];
      if (!event || event.at > at) return;
      this.#next += 1;
      if (event.kind === "shown") terminal.write(event.text);
      else terminal.resize(event.columns, event.rows);
    }
  }

  close(): void {
    this.#shown.dispose();
  }
}
