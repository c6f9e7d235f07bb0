// One screen and several people before it: ann in the real window, bob in a
// browser, and eve, who may look and do nothing else.

import { Key } from "selenium-webdriver";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser } from "./browser";
import { below, NOTES, picture, pressInto, written } from "./desktop";
import { violations } from "./flows";
import { Place, until } from "./programs";
import { House, Window } from "./worlds";

const PEOPLE = { ann: "operator", bob: "operator", eve: "viewer" };

/** Actions of the project: each is a line in the run's terminal. */
const ACTIONS = {
  Notes: NOTES,
  /** On the way in that the agent has. */
  "The agent clicks": `curl -sS --unix-socket "$PILOTHOUSE_SOCKET" -X POST http://run/tools/mouse_click -d '{"x":5,"y":5}' > answered.json; mv answered.json answer.json`,
  Serve: "python3 -m http.server 8123 --bind 127.0.0.1 &",
};

describe("a screen that people share", () => {
  const place = new Place();
  const windowsPlace = new Place();
  let house: House;
  let window: Window;
  let ann: Browser;
  let bob: Browser;
  let eve: Browser;
  let task = "";

  beforeAll(async () => {
    house = await House.start(place, PEOPLE);
    for (const [name, run] of Object.entries(ACTIONS)) {
      house.pilot(["project", "action", "demo", "add", name, "--run", run]);
    }
    const filed = ["task", "new", "-p", "demo", "--agent", "hands-on", "--prompt", "Look around.", "--json"];
    task = (JSON.parse(house.pilot(filed)) as { id: string }).id;
    window = await Window.open(windowsPlace);
    ann = window.browser;
    [bob, eve] = await Promise.all([house.browserOf("bob"), house.browserOf("eve")]);
  });

  afterAll(async () => {
    try {
      await Promise.all([window?.end(), bob?.quit(), eve?.quit()]);
    } finally {
      await Promise.all([place.end(), windowsPlace.end()]);
    }
  });

  /** What the hub says to somebody who asks for the wheel past the page's buttons. */
  function wants(browser: Browser): Promise<[number, string]> {
    return browser.driver.executeAsyncScript(
      `const [path, done] = arguments;
       fetch(path, { method: "POST" })
         .then(async (answer) => done([answer.status, await answer.text()]), (why) => done([0, String(why)]))`,
      `/api/tasks/${task}/takeover`,
    );
  }

  /** Tries the pointer and the keyboard. */
  async function types(browser: Browser, text: string): Promise<void> {
    await picture(browser);
    await pressInto(browser, 400, 260);
    await browser.press(text);
  }

  it("ann's window takes a hub that is not its own", async () => {
    await ann.sees("File a first task");
    await ann.go("/settings?show=hubs");
    await ann.click("button", "Add a hub");
    await ann.type("Address", house.url);
    await ann.click("button", "Look at it");
    await ann.sees("This hub is on this machine");
    await ann.type("Name", "the house");
    await ann.type("Token", house.token("ann"));
    await ann.click("button", "Add");
    await until("it is the open one", async () => ann.has("button", /the house.*Connected/));
  });

  it("one drives; another is told who, and refused with keys, pointer and words", async () => {
    await ann.go(`/tasks/${task}/hands-on`);
    await ann.sees(/You type/);
    await picture(ann);
    await ann.click("button", "Notes");
    await until("the program runs", async () => below(place.directory, "typed.txt"));
    await ann.go(`/tasks/${task}/screen`);
    await ann.click("button", "Take over");
    await ann.sees(/You drive\./);

    await bob.go(`/tasks/${task}/screen`);
    await bob.sees("ann drives; you look on.");
    expect(await bob.has("button", "Take over")).toBe(false);
    await types(bob, "bob was here\n");
    const [status, why] = await wants(bob);
    expect(status, why).toBe(409);
    expect(why).toContain("`ann` drives");

    await types(ann, "ann was here\n");
    await until("what ann typed is in the file", async () => written(place, "typed.txt").includes("here\n"));
    expect(written(place, "typed.txt")).toBe("ann was here\n");
  });

  it("the agent's click is refused meanwhile, and says who drives", async () => {
    await ann.go(`/tasks/${task}/hands-on`);
    await ann.sees(/You type/);
    await ann.click("button", "The agent clicks");
    await until("it is answered", async () => below(place.directory, "answer.json"));
    expect(written(place, "answer.json")).toContain("`ann` has taken over the screen");
  });

  it("a port of the run opens in the browser beside ann's window, until it is shut", async () => {
    await ann.click("button", "Serve");
    await ann.click("button", "Open port…");
    await ann.type("Port", "8123");
    await ann.click("button", "Open in the browser");
    const url = await until("a browser is opened", async () => window.opened().at(-1));
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const page = await until("the server inside answers", async () => (await fetch(url)).text());
    expect(page).toContain("typed.txt");
    expect(await violations(ann)).toEqual([]);
    await ann.click("button", "Shut port 8123");
    await until("it is gone from the list", async () => !(await ann.has("button", "Shut port 8123")));
    await expect(fetch(url)).rejects.toThrow();
    await ann.press(Key.ESCAPE);
  });

  it("once it is handed back, another may have it", async () => {
    await ann.click("button", "Hand back…");
    await ann.click("button", "Hand back");
    await bob.sees(/Nobody drives|The agent drives/);
    await bob.click("button", "Take over");
    await bob.sees(/You drive\./);
    await ann.sees("bob drives; you look on.");
    await types(bob, "then bob\n");
    await until("what bob typed is in the file", async () => written(place, "typed.txt").includes("bob\n"));
    expect(written(place, "typed.txt")).toBe("ann was here\nthen bob\n");
  });

  it("whoever may only look sees it, and has nothing to take it with", async () => {
    await eve.go(`/tasks/${task}/screen`);
    await eve.sees("bob drives; you look on.");
    expect(await eve.has("button", /Take over|Hand back/)).toBe(false);
    await types(eve, "eve was here\n");
    const [status, why] = await wants(eve);
    expect(status, why).toBe(403);
    await types(bob, "and bob again\n");
    await until("what bob typed is in the file", async () => written(place, "typed.txt").includes("again\n"));
    expect(written(place, "typed.txt")).toBe("ann was here\nthen bob\nand bob again\n");
  });
});
