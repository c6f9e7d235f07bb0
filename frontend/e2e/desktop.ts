// A run's screen on a page, and what programs inside wrote into the workspace.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Browser } from "./browser";
import { until, type Place } from "./programs";

export const CANVAS = "[aria-label='Screen of the run'] canvas";

/**
 * A program with a window, which keeps what is typed into it and says when it was
 * closed. It starts when its window is there.
 */
export const NOTES =
  "(xterm -xrm '*waitForMap: true' -bg white -geometry 60x10+300+200 -e sh -c 'cat > typed.txt'; touch closed.txt) &";

/** Clicks into the desktop, where its picture lies on the page. */
export async function pressInto(browser: Browser, x: number, y: number): Promise<void> {
  const canvas = await browser.driver.findElement({ css: CANVAS });
  const box = await canvas.getRect();
  const size = await browser.driver.executeScript<number[]>(
    "const [canvas] = arguments; return [canvas.width, canvas.height]",
    canvas,
  );
  const [width = 1, height = 1] = size;
  await browser.driver
    .actions()
    .move({
      x: Math.round(box.x + (x * box.width) / width),
      y: Math.round(box.y + (y * box.height) / height),
    })
    .click()
    .perform();
}

/** The page shows a picture. */
export async function picture(browser: Browser): Promise<void> {
  const shown = `return (document.querySelector("${CANVAS}")?.width ?? 0) > 0`;
  await until("a picture is there", () => browser.driver.executeScript<boolean>(shown));
}

/** The file of a name below a directory, wherever it is. */
export function below(directory: string, name: string): string | undefined {
  try {
    const all = readdirSync(directory, { recursive: true, encoding: "utf8" });
    return all.find((found) => path.basename(found) === name);
  } catch {
    return undefined; // A directory went while it was read.
  }
}

/** What a program inside has written into a file of the workspace. */
export function written(place: Place, name: string): string {
  const file = below(place.directory, name);
  return file ? readFileSync(place.path(file), "utf8") : "";
}
