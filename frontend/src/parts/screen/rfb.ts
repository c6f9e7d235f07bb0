// noVNC, with a bound on what a server may make it allocate.

import RFB from "@novnc/novnc";

/** As large as any display: 8 Ki by 8 Ki would be 256 MiB, and twice. */
const LONGEST_AXIS = 8192;
const MOST_PIXELS = 33_177_600;

export function fits(width: number, height: number): boolean {
  return width <= LONGEST_AXIS && height <= LONGEST_AXIS && width * height <= MOST_PIXELS;
}

/** Throws into whoever hands it bytes that say otherwise. */
export class Rfb extends RFB {
  protected override _resize(width: number, height: number): void {
    if (!fits(width, height)) throw new Error(`a desktop of ${width} by ${height}`);
    super._resize(width, height);
  }
}
