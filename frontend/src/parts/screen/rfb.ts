// noVNC, with a bound on what a server may make it allocate.

import RFB from "@novnc/novnc";
import { fits } from "./bounds";

/** Throws into whoever hands it bytes that name a desktop larger than any. */
export class Rfb extends RFB {
  protected override _resize(width: number, height: number): void {
    if (!fits(width, height)) throw new Error(`a desktop of ${width} by ${height}`);
    super._resize(width, height);
  }
}
