// noVNC as our page wants it: told who drives, how to fit and how good.

import type { Channel } from "$/parts/screen/channel";
import { rfb, type Rfb } from "$/parts/screen/rfb";
import { BACKSPACE, keysymsOf, press, type Stroke } from "./keys";
import type { Level } from "./quality";
import type { Fit } from "./settings.svelte";
import { copyOf } from "./typing";

export interface ViewerEvents {
  /** The first picture is under way. */
  connected(): void;
  /** The screen's clipboard has this text. */
  copied(text: string): void;
  /** What came cannot be read. */
  failed(): void;
  /** The picture is larger than its place and has to be moved. */
  clipped(is: boolean): void;
}

export class Viewer {
  readonly #rfb: Rfb;
  readonly #canvas: HTMLCanvasElement | null;
  /** The connection is over, and noVNC has cleared up after it. */
  #over = false;

  constructor(place: HTMLElement, channel: Channel, events: ViewerEvents) {
    this.#rfb = rfb(place, channel);
    this.#rfb.background = "transparent";
    this.#rfb.viewOnly = true;
    // Keys go through a text field; see typing.ts.
    this.#rfb.focusOnClick = false;
    this.#canvas = place.querySelector("canvas");
    const on = (name: string, hear: (detail: unknown) => void) =>
      this.#rfb.addEventListener(name, (event) => hear((event as CustomEvent<unknown>).detail));
    on("connect", () => events.connected());
    on("disconnect", (detail) => {
      this.#over = true;
      if (!(detail as { clean: boolean }).clean) events.failed();
    });
    channel.onbroken = () => events.failed();
    on("securityfailure", () => events.failed());
    on("clipboard", (detail) => events.copied((detail as { text: string }).text));
    on("clippingviewport", (detail) => events.clipped(detail === true));
  }

  set drives(yours: boolean) {
    if (this.#rfb.viewOnly === yours) this.#rfb.viewOnly = !yours;
  }

  fit(how: Fit, touch: boolean): void {
    this.#rfb.scaleViewport = how === "fit";
    // A finger has no scroll bars.
    this.#rfb.clipViewport = how === "actual" && touch;
    this.#rfb.resizeSession = how === "resize";
  }

  /** A finger moves the picture, and not the pointer. */
  set moves(is: boolean) {
    this.#rfb.dragViewport = is;
  }

  set level({ quality, compression }: Level) {
    this.#rfb.qualityLevel = quality;
    this.#rfb.compressionLevel = compression;
  }

  key(event: KeyboardEvent): void {
    this.#canvas?.dispatchEvent(copyOf(event));
  }

  press(strokes: readonly Stroke[]): void {
    press(strokes, ({ keysym, code }, down) => this.#rfb.sendKey(keysym, code, down));
  }

  hold({ keysym, code }: Stroke, down: boolean): void {
    this.#rfb.sendKey(keysym, code, down);
  }

  type(text: string): void {
    for (const keysym of keysymsOf(text)) this.#rfb.sendKey(keysym, null);
  }

  erase(characters: number): void {
    for (let one = 0; one < characters; one += 1) this.#rfb.sendKey(BACKSPACE, "Backspace");
  }

  paste(text: string): void {
    this.#rfb.clipboardPasteFrom(text);
  }

  /** What was seen last, for while nothing comes. */
  still(): HTMLCanvasElement | null {
    const seen = this.#canvas;
    if (!seen || seen.width === 0 || seen.height === 0) return null;
    const still = document.createElement("canvas");
    [still.width, still.height] = [seen.width, seen.height];
    still.getContext("2d")?.drawImage(seen, 0, 0);
    return still;
  }

  close(): void {
    if (!this.#over) this.#rfb.disconnect();
  }
}
