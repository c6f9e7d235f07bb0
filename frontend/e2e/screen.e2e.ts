// A run's screen from the real window and from a browser: real Xvnc, a real
// program in it. What is seen is what is there, what is typed arrives, and
// only while the person drives.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Browser } from "./browser";
import { violations } from "./flows";
import { Place, until } from "./programs";
import { Hub, pilot, Window } from "./worlds";

const STAGES: { name: string; open(place: Place): Promise<{ browser: Browser; end(): Promise<void> }> }[] = [
  { name: "the window", open: (place) => Window.open(place) },
  {
    name: "a browser",
    open: async (place) => {
      const hub = await Hub.start(place);
      const browser = await Browser.chromium({ width: 1440, height: 900 });
      await browser.driver.get(hub.signInLink());
      return { browser, end: () => browser.quit() };
    },
  },
];

/** Of a program with a window that keeps what is typed into it. */
const PROGRAM = "xterm -geometry 60x10+300+200 -e sh -c 'cat > typed.txt' &";

/** The file of a name below a directory, wherever it is. */
function below(directory: string, name: string): string | undefined {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).find(
    (found) => path.basename(found) === name,
  );
}

describe.each(STAGES)("the screen in $name", ({ open }) => {
  const place = new Place();
  let stage: Awaited<ReturnType<typeof open>>;
  let browser: Browser;
  let task = "";

  beforeAll(async () => {
    stage = await open(place);
    browser = stage.browser;
    await until("the demo is there", async () => pilot(place, ["project", "list"]).includes("demo"));
    pilot(place, ["project", "action", "demo", "add", "Notes", "--run", PROGRAM]);
    const filed = ["task", "new", "-p", "demo", "--agent", "hands-on", "--prompt", "Look around.", "--json"];
    task = (JSON.parse(pilot(place, filed)) as { id: string }).id;
  });

  afterAll(async () => {
    await stage?.end();
    await place.end();
  });

  /** Where the picture of the desktop is, as it lies on the page. */
  async function pressInto(x: number, y: number): Promise<void> {
    const canvas = await browser.driver.findElement({ css: "[aria-label='Screen of the run'] canvas" });
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

  function typed(): string {
    const file = below(place.directory, "typed.txt");
    return file ? readFileSync(place.path(file), "utf8") : "";
  }

  it("an action of the project opens a program in it", async () => {
    await browser.go(`/tasks/${task}/hands-on`);
    await browser.sees(/You type/);
    await browser.click("button", "Notes");
    await until("the program runs", async () => below(place.directory, "typed.txt"));
  });

  it("what is typed arrives while one drives, and not before", async () => {
    await browser.go(`/tasks/${task}/screen`);
    await browser.sees(/Nobody drives|The agent drives/);
    await until("a picture is there", () =>
      browser.driver.executeScript<boolean>(
        "return (document.querySelector(\"[aria-label='Screen of the run'] canvas\")?.width ?? 0) > 0",
      ),
    );
    await pressInto(400, 260);
    await browser.press("too early");
    await browser.click("button", "Take over");
    await browser.sees(/You drive\./);
    // The desktop's window manager may still be taking the program in: who
    // clicks and types into nothing does it again.
    let next = 0;
    await until("what was typed is in the file", async () => {
      if (Date.now() >= next) {
        await pressInto(400, 260);
        await browser.press("from afar\n");
        next = Date.now() + 10_000;
      }
      return typed().includes("from afar");
    });
    expect(typed().replaceAll("from afar\n", "")).toBe("");
  });

  it("the picture is what the desktop shows", async () => {
    const file = place.path("desktop.png");
    await until("both show the same", async () => {
      pilot(place, ["task", "screen", task, "--screenshot", file]);
      const picture = `data:image/png;base64,${readFileSync(file).toString("base64")}`;
      // At rest what was compressed is sent again without loss.
      return (await browser.driver.executeAsyncScript<number>(DIFFERENT, picture)) < 0.002;
    });
  });

  it("it is handed back with a note, and axe finds nothing serious", async () => {
    expect(await violations(browser)).toEqual([]);
    await browser.click("button", "Hand back…");
    await browser.type("What the agent should know", "All is in the notes.");
    await browser.click("button", "Hand back");
    await browser.sees(/Nobody drives|The agent drives/);
    expect(await violations(browser)).toEqual([]);
  });
});

/** Which share of the pixels differs from those of a picture. */
const DIFFERENT = `
  const [picture, done] = arguments;
  const image = new Image();
  image.onload = () => {
    const seen = document.querySelector("[aria-label='Screen of the run'] canvas");
    const there = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
    there.getContext("2d").drawImage(image, 0, 0);
    if (seen.width !== there.width || seen.height !== there.height) return done(1);
    const all = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const [a, b] = [all(seen), all(there)];
    let different = 0;
    for (let at = 0; at < a.length; at += 4) {
      const far = Math.max(...[0, 1, 2].map((part) => Math.abs(a[at + part] - b[at + part])));
      if (far > 24) different += 1;
    }
    done(different / (a.length / 4));
  };
  image.onerror = () => done(1);
  image.src = picture;
`;
