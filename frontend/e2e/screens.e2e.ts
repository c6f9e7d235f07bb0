// Every screen, light and dark, on a desk and on a phone, of a hub that has
// something of everything: axe finds nothing serious on any, and nothing on it
// jumps while it is read.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Task } from "../src/api/generated/proto";
import { Browser } from "./browser";
import { jumps, violations } from "./flows";
import { keepPicture } from "./pictures";
import { Place } from "./programs";
import { screens } from "./screens";
import { connect, fill, owner } from "./seed";
import { Hub, outside } from "./worlds";

const SIZES = [
  { name: "desk", width: 1440, height: 900 },
  { name: "phone", width: 390, height: 844 },
];

describe("every screen", () => {
  const place = new Place();
  let hub: Hub;
  let empty: Hub;
  let tasks: Map<string, Task>;

  beforeAll(async () => {
    const { world } = await outside(place);
    hub = await Hub.start(place, 8);
    empty = await Hub.start(emptyPlace);
    const client = owner(hub);
    await connect(client, world);
    tasks = await fill(client);
  });
  const emptyPlace = new Place();

  afterAll(async () => {
    await place.end();
    await emptyPlace.end();
  });

  async function check(browser: Browser, name: string): Promise<void> {
    await browser.settled();
    await keepPicture(browser, name);
    const serious = [...(await jumps(browser)), ...(await violations(browser))];
    if (serious.length > 0) throw new Error(`${name}: ${serious.join("; ")}`);
  }

  for (const size of SIZES) {
    for (const dark of [false, true]) {
      it(`${size.name}, ${dark ? "dark" : "light"}`, async () => {
        const look = `${size.name}-${dark ? "dark" : "light"}`;
        const browser = await Browser.chromium(size, dark);
        try {
          await browser.driver.get(hub.url);
          await browser.sees(/sign in/i);
          await check(browser, `sign-in-${look}`);
          await browser.driver.get(hub.signInLink());
          await browser.sees(/date library/i);
          const found: string[] = [];
          for (const screen of screens(tasks)) {
            await browser.go(screen.path);
            try {
              await browser.sees(screen.says);
              await check(browser, `${screen.name}-${look}`);
            } catch (thrown) {
              found.push(String(thrown));
            }
          }
          expect(found).toEqual([]);
          await browser.driver.get(empty.signInLink());
          await browser.sees(/File a first task/);
          await check(browser, `first-run-${look}`);
        } finally {
          await browser.quit();
        }
      });
    }
  }
});
