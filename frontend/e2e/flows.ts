// What people do, written once for every place it is done in. Each step looks
// at what a person would look at; the clicks of the first task are counted.

import axe from "axe-core";
import { Key } from "selenium-webdriver";
import type { Browser } from "./browser";
import { until } from "./programs";
import type { Outside } from "./worlds";
import { expect } from "vitest";

/** From an empty window to a task that is done: three clicks at most file it. */
export async function firstTask(browser: Browser): Promise<void> {
  await browser.sees("File a first task");
  await browser.click("link", "Try the demo task");
  await browser.click("button", /^File (the demo )?task/);
  await browser.sees(/What should it say\?/);
  await browser.click("radio", /See you soon/);
  await browser.click("button", /^(Answer|Next)/);
  await browser.sees(/Published/);
  await browser.sees(/the README tells of it/);
}

/** Connects the forge and adds the project whose pull requests go there. */
export async function connectForge(browser: Browser, world: Outside): Promise<void> {
  await browser.go("/credentials");
  await browser.click("button", "Connect a forge");
  await browser.type("Address", world.forge);
  await browser.type("Name", "home");
  await browser.type("Access token", "wrong-token-that-nobody-knows");
  await browser.click("button", "Try and connect");
  await browser.sees(/refuse|not accept|wrong|unknown/i);
  await browser.type("Access token", world.token);
  await browser.click("button", "Try and connect");
  await until("the forge is listed", async () => browser.has("button", /Log in anew: home/));

  await browser.go("/projects?edit=");
  await browser.type("Repository", world.repository);
  await browser.type("Name", "site");
  await browser.choose("Forge", "home");
  await browser.choose("Agent", "scripted");
  await browser.click("button", "Add");
  await until("the project is listed", async () => browser.has("button", "More for site"));
}

/** After all that was read and typed: what the page keeps on this machine. */
export async function keepsNoSecrets(browser: Browser, world: Outside): Promise<void> {
  const kept = await browser.driver.executeScript<string>(`
    const all = (storage) => Object.entries({ ...storage });
    return JSON.stringify([all(localStorage), all(sessionStorage), document.cookie]);`);
  const others = await browser.driver.executeAsyncScript<string>(`
    const done = arguments[arguments.length - 1];
    const databases = indexedDB.databases ? indexedDB.databases() : [];
    const caches = self.caches ? self.caches.keys() : [];
    Promise.all([databases, caches]).then((all) => done(JSON.stringify(all)), (why) => done(String(why)));`);
  expect(others, "no database and no cache").toBe("[[],[]]");
  // Typed into a form; read in a log, a conversation and a change.
  for (const secret of [world.token, "wrong-token-that-nobody-knows", "toFixed(2)", "building module"]) {
    expect(kept).not.toContain(secret);
  }
}

const WORK = String.raw`say I will correct the price.
print 40 building module
permit Bash echo tested > tested.txt
write src/price.ts export function shown(cents: number): string {\n  return (cents / 100).toFixed(2);\n}
say The price has two digits.`;

/** Files a task that asks; gives its path. */
export async function fileTask(browser: Browser, title: string): Promise<string> {
  await browser.go("/new?project=site&mode=ask");
  await browser.type("What is to be done?", WORK);
  await browser.click("radio", /^Ask/);
  await browser.click("button", /^More: title/);
  await browser.type("Title", title);
  await browser.click("button", "File task");
  return until("the new task is shown", async () => {
    const place = await browser.place();
    return /^\/tasks\/[0-9a-f-]{36}/.exec(place)?.[0];
  });
}

/** Watches the log grow up to where the agent waits. */
export async function watchLog(browser: Browser, task: string): Promise<void> {
  await browser.go(`${task}/log`);
  await browser.sees(/building module/);
  await browser.sees(/needs you: a permission/);
}

/** Answers the permission from the inbox. */
export async function allow(browser: Browser, title: string): Promise<void> {
  await browser.go("/");
  await until("the permission is in the inbox", async () => (await browser.text()).includes(title));
  if (!(await browser.has("button", "Allow once"))) await browser.click("row", new RegExp(title));
  await browser.sees(/echo tested/);
  await browser.click("button", "Allow once");
}

/** Reads the change side by side, and sends a comment on a line to the agent. */
export async function review(browser: Browser, task: string, wide: boolean): Promise<void> {
  await browser.go(`${task}/diff?file=${encodeURIComponent("src/price.ts")}`);
  await browser.sees(/toFixed\(2\)/);
  // Old on the left and new on the right where there is room for both.
  const sides = await browser.driver.executeScript<number>(
    "return new Set([...document.querySelectorAll('[data-side]')].map((cell) => Math.round(cell.getBoundingClientRect().left))).size",
  );
  if (wide) expect(sides).toBeGreaterThan(1);
  await browser.click("button", "Comment on line 2");
  await browser.type(
    /^Comment on/,
    "Say why in a comment:\nappend src/price.ts // Cents, so that sums are exact.",
  );
  await browser.click("button", /^Add and send all/);
  await browser.click("button", "Send 1 comment to the agent");
  // In the code itself, which is on the screen all the while: the comment stands there as well.
  await until("the agent has acted on the comment", () =>
    browser.driver.executeScript<boolean>(
      "return [...document.querySelectorAll('.code')].some((code) => code.textContent.includes('Cents, so that'))",
    ),
  );
}

/** The pull request is there, and its merge is noticed. */
export async function pullRequest(
  browser: Browser,
  task: string,
  merge: (number: number) => void,
): Promise<void> {
  await browser.go(task);
  await browser.sees(/In review/);
  const link = await browser.find("link", /#\d+/);
  const href = await link.getAttribute("href");
  const number = Number(/#(\d+)/.exec(await link.getText())?.[1] ?? /\/pulls\/(\d+)/.exec(href ?? "")?.[1]);
  expect(number).toBeGreaterThan(0);
  merge(number);
  await browser.sees(/Merged/);
}

/** The keyboard alone: palette, shortcuts, back to the inbox. */
export async function keyboard(browser: Browser): Promise<void> {
  await browser.go("/runners");
  await browser.press("?");
  await browser.sees(/Shortcuts|Keys/i);
  await browser.press(Key.ESCAPE);
  await browser.driver.actions().keyDown(Key.CONTROL).sendKeys("k").keyUp(Key.CONTROL).perform();
  await browser.find("textbox", /Find a task or do something/);
  await browser.press("settings", Key.ENTER);
  await until("the palette leads to the settings", async () => (await browser.place()).includes("settings"));
}

interface Violation {
  id: string;
  impact: string;
  help: string;
  nodes: { target: string[]; html: string }[];
}

/** What axe finds that is serious or worse. */
export async function violations(browser: Browser): Promise<string[]> {
  await browser.driver.executeScript(`${axe.source}; window.axe = axe;`);
  const found = await browser.driver.executeAsyncScript<Violation[]>(
    `const done = arguments[0];
     axe.run(document, { resultTypes: ["violations"] }).then((result) => done(result.violations));`,
  );
  return found
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .map(
      (one) =>
        `${one.id}: ${one.help}: ${one.nodes
          .slice(0, 3)
          .map((node) => node.html.slice(0, 160))
          .join(" | ")}`,
    );
}

/** What a page may move by while it is read: "good" by https://web.dev/articles/cls. */
const MOST_SHIFT = 0.1;

/** What moved by itself since it was asked last, where that is too much to click safely. */
export async function jumps(browser: Browser): Promise<string[]> {
  const shifts = await browser.shifts();
  const sum = shifts.reduce((sum, { value }) => sum + value, 0);
  const moved = shifts.flatMap((shift) => shift.moved).join(" | ");
  return sum < MOST_SHIFT ? [] : [`the page jumps by ${sum.toFixed(2)}: ${moved}`];
}
