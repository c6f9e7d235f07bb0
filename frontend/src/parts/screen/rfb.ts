// noVNC, with a bound on what a server may make it allocate; and noVNC whose
// pixels come beside it, from a host that decodes better than a page.

import RFB from "@novnc/novnc";
import { fits } from "./bounds";
import type { Channel } from "./channel";
import { paint } from "./frame";

/** Throws into whoever hands it bytes that name a desktop larger than any. */
export class Rfb extends RFB {
  protected override _resize(width: number, height: number): void {
    if (!fits(width, height)) throw new Error(`a desktop of ${width} by ${height}`);
    super._resize(width, height);
  }
}

/**
 * Has noVNC's keyboard, pointer, clipboard and sizes. Frames go to the canvas
 * that is seen, past noVNC's queue and its second canvas: through them decoded
 * pixels cost a page as much as pixels that it decodes.
 */
class Painted extends Rfb {
  constructor(place: HTMLElement, channel: Channel) {
    super(place, channel, { shared: true });
    // What it would show has no pixels.
    this._display.flip = () => undefined;
    const canvas = place.querySelector("canvas");
    const context = canvas?.getContext("2d");
    if (canvas && context) channel.onframe = (bytes) => paint(bytes, context);
  }
}

/** What shows a screen: with the host's work where it does some. */
export function rfb(place: HTMLElement, channel: Channel): Rfb {
  return channel.decoded ? new Painted(place, channel) : new Rfb(place, channel, { shared: true });
}
