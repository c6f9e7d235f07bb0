// What docs/screenshots shows: written down where `scripts/screenshots` asks.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Browser } from "./browser";

const directory = process.env["PILOTHOUSE_SCREENSHOTS"];

export async function keepPicture(browser: Browser, name: string): Promise<void> {
  if (!directory) return;
  mkdirSync(directory, { recursive: true });
  writeFileSync(path.join(directory, `${name}.png`), await browser.screenshot());
}
