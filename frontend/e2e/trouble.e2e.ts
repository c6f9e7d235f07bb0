// What goes wrong around the real window: a keychain that is locked or not
// there at all, and a hub that dies while it is being answered. Each test has
// a session bus of its own, on which nothing starts by itself.

import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Browser } from "./browser";
import { firstTask } from "./flows";
import { firstLine, freePort, Place, program, stop, until } from "./programs";
import { environment, Window } from "./worlds";

const BUS = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`;
const PASSPHRASE = "correct horse battery";
const WORDS = "Neither: the colour of the sea in winter.";

let place: Place;
let before: NodeJS.ProcessEnv;

beforeEach(async () => {
  place = new Place();
  mkdirSync(place.path("run"), { mode: 0o700 });
  writeFileSync(place.path("bus.conf"), BUS);
  const args = [`--config-file=${place.path("bus.conf")}`, "--nofork", "--print-address=1"];
  const bus = place.start("dbus-daemon", args, "bus");
  const address = await firstLine(bus, "the session bus");
  before = process.env;
  process.env = { ...before, DBUS_SESSION_BUS_ADDRESS: address, XDG_RUNTIME_DIR: place.path("run") };
});

afterEach(async () => {
  process.env = before;
  await place.end();
});

/** Uses the window, and closes it. */
async function inWindow(use: (browser: Browser) => Promise<void>): Promise<void> {
  const window = await Window.open(place);
  try {
    await use(window.browser);
  } finally {
    await window.end();
  }
}

/** gnome-keyring: unlocked with a password as by a login, or locked as by none. */
async function keyring(password: string | null): Promise<ChildProcess> {
  const args = ["--foreground", "--components=secrets", ...(password === null ? [] : ["--unlock"])];
  const env = environment(place);
  const child = place.start("gnome-keyring-daemon", args, "keyring", { env });
  child.stdin?.end(password ?? "");
  const bus = ["--dest=org.freedesktop.DBus", "--object-path=/org/freedesktop/DBus"];
  const asks = ["--method=org.freedesktop.DBus.NameHasOwner", "org.freedesktop.secrets"];
  await until("the keyring is on the bus", async () => {
    const asked = place.start("gdbus", ["call", "--session", ...bus, ...asks], "gdbus", { env });
    const made = existsSync(place.path("share", "keyrings", "login.keyring"));
    return made && (await firstLine(asked, "the bus")).includes("true");
  });
  return child;
}

/** Every file that the product keeps. */
function kept(directory = place.path("data")): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

describe("the window without its keychain", () => {
  it("says that it is locked, and goes on when it is unlocked", async () => {
    await stop(await keyring("a password of a test"));
    const locked = await keyring(null);
    await inWindow(async (browser) => {
      await browser.sees("The keychain is locked");
      expect(existsSync(place.path("data", "hub", "owner-token"))).toBe(false);
      await browser.click("button", "Look again");
      await browser.sees("The keychain is locked");
      await stop(locked);
      await keyring("a password of a test");
      await browser.click("button", "Look again");
      await browser.sees("File a first task");
    });
  });

  it("goes on with a sealed file where there is none, and asks for its passphrase later", async () => {
    await inWindow(async (browser) => {
      await browser.sees("No keychain is running");
      await browser.type("Passphrase for a sealed file", PASSPHRASE);
      await browser.type("Once more", PASSPHRASE);
      await browser.click("button", "Make a sealed file");
      await firstTask(browser);
    });
    expect(existsSync(place.path("data", "hub", "owner-token"))).toBe(false);
    for (const file of kept()) expect(readFileSync(file, "latin1"), file).not.toContain(PASSPHRASE);
    await inWindow(async (browser) => {
      await browser.sees("The sealed file is locked");
      await browser.type("Passphrase", "another horse battery");
      await browser.click("button", "Open the sealed file");
      await browser.sees(/without its passphrase nobody opens that file/);
      await browser.type("Passphrase", PASSPHRASE);
      await browser.click("button", "Open the sealed file");
      await browser.go("/tasks");
      await browser.sees(/Published/);
    });
  });
});

/** A hub that is another process's, in the window's own data directory. */
async function hub(port: number): Promise<ChildProcess> {
  const args = ["up", "--listen", `127.0.0.1:${port}`, "--workers", "2"];
  const child = place.start(program("pilot"), args, "hub", { env: environment(place) });
  await until("the hub answers", async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok);
  return child;
}

describe("a hub that vanishes in mid-answer", () => {
  it("is said, and what was typed is there to be sent when it is back", async () => {
    const port = await freePort();
    const first = await hub(port);
    await inWindow(async (browser) => {
      await browser.sees("File a first task");
      await browser.go("/new?project=demo&mode=ask");
      await browser.type("What is to be done?", "ask Which colour? | Red | Blue\nwrite a.txt done");
      await browser.click("radio", /^Ask/);
      await browser.click("button", /^File task/);
      await browser.sees("Which colour?");
      await browser.type("In your own words", WORDS);
      // It hears the answer no more, and dies with it.
      first.kill("SIGSTOP");
      await browser.click("button", "Answer");
      first.kill("SIGKILL");
      await browser.sees(/What is shown may be old/);
      await browser.sees("Your answer is kept here");
      expect(await typed(browser)).toBe(WORDS);
      await hub(port);
      await until("the banner is gone", async () => !(await browser.text()).includes("may be old"));
      expect(await typed(browser)).toBe(WORDS);
      await browser.click("button", "Answer");
      await browser.sees(/Published/);
      await browser.sees(WORDS);
    });
  });
});

async function typed(browser: Browser): Promise<string> {
  const field = await browser.find("textbox", "In your own words");
  return (await field.getAttribute("value")) ?? "";
}
