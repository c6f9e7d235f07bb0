// A run's screen from the real window and from a browser: real Xvnc, real
// programs in it. What is seen is what is there; keys, clipboard and size are
// the driver's alone, and it comes back when what it is made of dies.
//
// What two people may do before one screen is in shared.e2e.ts.

import { readFileSync } from "node:fs";
import { Key } from "selenium-webdriver";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Browser } from "./browser";
import { below, CANVAS, NOTES, picture, pressInto, written } from "./desktop";
import { violations } from "./flows";
import { keepPicture } from "./pictures";
import { killAll, Place, until } from "./programs";
import { Hub, pilot, Window } from "./worlds";

interface Stage {
  browser: Browser;
  /** Takes away what the picture comes from; it comes back by itself. */
  breaks(): Promise<void>;
  end(): Promise<void>;
}

interface StageKind {
  name: string;
  loses: string;
  /** The host decodes the screen for the page. */
  decodes: boolean;
  open(place: Place): Promise<Stage>;
}

const STAGES: StageKind[] = [
  {
    name: "the window",
    decodes: true,
    // Hub and runner are the window's own: they die with the page.
    loses: "the desktop's server",
    open: async (place) => {
      const window = await Window.open(place);
      const kill = () => killAll(place.pids("Xvnc", "Xtigervnc"));
      return { browser: window.browser, breaks: () => Promise.resolve(kill()), end: () => window.end() };
    },
  },
  {
    name: "a browser",
    decodes: false,
    loses: "hub and runner",
    open: async (place) => {
      const hub = await Hub.start(place);
      const browser = await Browser.chromium({ width: 1440, height: 900 });
      await browser.driver.get(hub.signInLink());
      return { browser, breaks: () => hub.diesAndComesBack(), end: () => browser.quit() };
    },
  },
];

const COPIED = "Grüße, Київ ✓";
const PASTED = "Ελλάδα – „über“ 5 €";

/** Actions of the project: each is a line in the run's terminal. */
const ACTIONS = {
  Notes: NOTES,
  "Copy inside": `printf '${COPIED}' | xclip -selection clipboard`,
  "Paste inside": "xclip -selection clipboard -o > pasting.txt; mv pasting.txt pasted.txt",
};

describe.each(STAGES)("the screen in $name", ({ open, loses, decodes }) => {
  const place = new Place();
  let stage: Stage;
  let browser: Browser;
  let task = "";

  beforeAll(async () => {
    stage = await open(place);
    browser = stage.browser;
    await until("the demo is there", async () => pilot(place, ["project", "list"]).includes("demo"));
    for (const [name, run] of Object.entries(ACTIONS)) {
      pilot(place, ["project", "action", "demo", "add", name, "--run", run]);
    }
    const filed = ["task", "new", "-p", "demo", "--agent", "hands-on", "--prompt", "Look around.", "--json"];
    task = (JSON.parse(pilot(place, filed)) as { id: string }).id;
  });

  afterAll(async () => {
    try {
      await stage?.end();
    } finally {
      await place.end();
    }
  });

  /** How large the desktop is, as the command line is told. */
  function size(): [number, number] {
    const told = JSON.parse(pilot(place, ["task", "screen", task, "--json"])) as {
      screen: { width: number; height: number };
    };
    return [told.screen.width, told.screen.height];
  }

  it("an action of the project opens a program in it", async () => {
    await browser.go(`/tasks/${task}/hands-on`);
    await browser.sees(/You type/);
    await picture(browser);
    await browser.click("button", "Notes");
    await until("the program runs", async () => below(place.directory, "typed.txt"));
    await keepPicture(browser, `hands-on-${decodes ? "window" : "desk"}`);
  });

  it("what is typed arrives while one drives, and not before", async () => {
    await browser.go(`/tasks/${task}/screen`);
    await browser.sees(/Nobody drives|The agent drives/);
    await picture(browser);
    await pressInto(browser, 400, 260);
    await browser.press("too early");
    await browser.click("button", "Take over");
    await browser.sees(/You drive\./);
    await pressInto(browser, 400, 260);
    await browser.press("from afar\n");
    await until("what was typed is in the file", async () =>
      written(place, "typed.txt").includes("from afar"),
    );
    expect(written(place, "typed.txt")).toBe("from afar\n");
    await keepPicture(browser, `screen-${decodes ? "window" : "desk"}`);
  });

  it("the picture is what the desktop shows", async () => {
    const file = place.path("desktop.png");
    await until("both show the same", async () => {
      pilot(place, ["task", "screen", task, "--screenshot", file]);
      const picture = `data:image/png;base64,${readFileSync(file).toString("base64")}`;
      // At rest what was compressed is sent again without loss.
      return (await browser.driver.executeAsyncScript<number>(DIFFERENT, picture)) < 0.002;
    });
    // And whoever was to decode it did.
    const log = written(place, "pilothouse.log");
    expect(log.includes("a screen is decoded on its way")).toBe(decodes);
    expect(log).not.toContain("cannot be decoded");
  });

  // Neither driver of a browser may read or fill the system's clipboard, so it
  // goes through the page's own dialog, as it does for whoever forbade it.
  it("the clipboard goes both ways, whatever the letters", async () => {
    await browser.go(`/tasks/${task}/hands-on`);
    await browser.sees(/You type/);
    await picture(browser);
    await browser.click("button", "Copy inside");
    await until("what was copied inside is here", async () => {
      await browser.click("button", "Clipboard of the screen");
      const text = await (await browser.find("textbox", "Text")).getAttribute("value");
      await browser.press(Key.ESCAPE);
      return text === COPIED;
    });
    await browser.click("button", "Clipboard of the screen");
    await browser.type("Text", PASTED);
    await browser.click("button", "Put it there");
    await until("what was put there is inside", async () => {
      await browser.click("button", "Paste inside");
      return written(place, "pasted.txt") === PASTED;
    });
  });

  it("the desktop is made as large as the page's room for it", async () => {
    await browser.go(`/tasks/${task}/screen`);
    await browser.sees(/You drive\./);
    await picture(browser);
    await browser.click("button", "Size");
    await browser.click("menuitemradio", "Resize the desktop");
    const room = await browser.driver.executeScript<[number, number]>(
      `const { width, height } = document.querySelector("${CANVAS}").parentElement.getBoundingClientRect();
       return [Math.floor(width), Math.floor(height)]`,
    );
    expect(room).not.toEqual([1280, 800]);
    await until("it has that size", async () => String(size()) === String(room));
  });

  it("keys that a browser keeps for itself are pressed from the menu", async () => {
    await pressInto(browser, 400, 260);
    await browser.click("button", "Special keys");
    await browser.click("menuitem", "Alt+F4");
    await until("the window manager closes the window", async () => below(place.directory, "closed.txt"));
  });

  it(`it comes back by itself, in the same page, when ${loses} died`, async () => {
    await browser.driver.executeScript(`window.shownBefore = document.querySelector("${CANVAS}")`);
    await stage.breaks();
    await until("another picture is shown in the same page", () =>
      browser.driver.executeScript<boolean>(
        `const shown = document.querySelector("${CANVAS}:not(.still)");
         return Boolean(window.shownBefore && shown?.width && shown !== window.shownBefore)`,
      ),
    );
    await browser.sees(/You drive\./);
    await browser.go(`/tasks/${task}/hands-on`);
    await browser.sees(/You type/);
    await picture(browser);
    await browser.click("button", "Notes");
    await until("the program runs again", async () => written(place, "typed.txt") === "");
    await pressInto(browser, 400, 260);
    await browser.press("and again\n");
    await until("what was typed is in the file", async () => written(place, "typed.txt") === "and again\n");
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
