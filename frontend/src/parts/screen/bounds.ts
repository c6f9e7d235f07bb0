// How large a desktop may be that a server or a recording speaks of.

/** As any display there is: 7680 by 4320 pixels, 127 MiB of them. */
const LONGEST_AXIS = 8192;
const MOST_PIXELS = 33_177_600;

export function fits(width: number, height: number): boolean {
  return width <= LONGEST_AXIS && height <= LONGEST_AXIS && width * height <= MOST_PIXELS;
}
