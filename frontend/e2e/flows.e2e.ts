// The same flows in the real window and in headless Chromium, as on a phone
// and on a desk, against a real hub and runner.

import type { ChildProcess } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Browser } from "./browser";
import {
  allow,
  connectForge,
  fileTask,
  firstTask,
  keepsNoSecrets,
  keyboard,
  pullRequest,
  review,
  violations,
  watchLog,
} from "./flows";
import { Place } from "./programs";
import { Hub, outside, Window, type Outside } from "./worlds";

const TITLE = "Show prices with two digits";

interface Stage {
  browser: Browser;
  end(): Promise<void>;
}

const STAGES: { name: string; wide: boolean; open(place: Place): Promise<Stage> }[] = [
  {
    name: "the window",
    wide: true,
    open: async (place) => Window.open(place),
  },
  {
    name: "a browser on a desk",
    wide: true,
    open: async (place) => inBrowser(place, { width: 1440, height: 900 }),
  },
  {
    name: "a browser on a phone",
    wide: false,
    open: async (place) => inBrowser(place, { width: 390, height: 844 }),
  },
];

async function inBrowser(place: Place, size: { width: number; height: number }): Promise<Stage> {
  const hub = await Hub.start(place);
  const browser = await Browser.chromium(size);
  await browser.driver.get(hub.signInLink());
  return { browser, end: () => browser.quit() };
}

describe.each(STAGES)("in $name", ({ open, wide }) => {
  const place = new Place();
  let stage: Stage;
  let world: Outside;
  let outsideProcess: ChildProcess;
  let task = "";

  beforeAll(async () => {
    ({ world, process: outsideProcess } = await outside(place));
    stage = await open(place);
  });

  afterAll(async () => {
    try {
      await stage?.end();
    } finally {
      await place.end();
    }
  });

  it("a first task takes three clicks at most, and is done", async () => {
    await firstTask(stage.browser);
    // The link, the button that files, and the answer it asks for are three.
    expect(stage.browser.clicksUntilFiled).toBeLessThanOrEqual(3);
  });

  it("a forge is connected, after a wrong token was refused", () => connectForge(stage.browser, world));

  it("a task is filed and its log watched", async () => {
    task = await fileTask(stage.browser, TITLE);
    await watchLog(stage.browser, task);
  });

  it("a permission is answered in the inbox", () => allow(stage.browser, TITLE));

  it("a comment on a line of the change is acted on", () => review(stage.browser, task, wide));

  it("the pull request is shown, and its merge", () =>
    pullRequest(stage.browser, task, (number) => outsideProcess.stdin?.write(`merge ${number}\n`)));

  it("nothing that was typed into a form or read is kept on this machine", () =>
    keepsNoSecrets(stage.browser, world));

  it("the keyboard is enough", async ({ skip }) => {
    // A phone has no keyboard to press Ctrl+K on.
    if (!wide) skip("phones have no Ctrl key");
    await keyboard(stage.browser);
  });

  it("axe finds nothing serious where the work is done", async () => {
    for (const path of ["/", "/tasks", task, `${task}/log`, `${task}/diff`, "/new", "/settings"]) {
      await stage.browser.go(path);
      await stage.browser.settled();
      expect(await violations(stage.browser), path).toEqual([]);
    }
  });
});
