// Where the flows happen: a hub with a runner beside it, or the desktop window
// with both inside; and the outside world with a forge and a model.

import { spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Browser } from "./browser";
import type { Place } from "./programs";
import { firstLine, freePort, killAll, program, ROOT, stop, until, within } from "./programs";

export interface Outside {
  /** Base URL of the Gitea double, a token for it, and its repository. */
  forge: string;
  token: string;
  repository: string;
  /** Page of an issue of that repository. */
  issue: string;
  /** Base URL of the scripted model. */
  model: string;
}

export const MODEL_KEY = "placeholder-key-0123456789";

export async function outside(place: Place): Promise<{ world: Outside; process: ChildProcess }> {
  const child = place.start(program("examples/outside"), [], "outside");
  return { world: JSON.parse(await firstLine(child, "the outside world")) as Outside, process: child };
}

/** What the product's processes see of this machine. */
export function environment(place: Place): NodeJS.ProcessEnv {
  const claude = path.join(ROOT, ".tools/claude/node_modules/.bin");
  const kept = ["DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "LANG"];
  return {
    ...Object.fromEntries(kept.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
    PATH: `${claude}:${path.dirname(program("pilot"))}:${process.env["PATH"]}`,
    HOME: place.directory,
    XDG_DATA_HOME: place.path("share"),
    XDG_CONFIG_HOME: place.path("config"),
    XDG_CACHE_HOME: place.path("cache"),
    PILOTHOUSE_DATA: place.path("data"),
    RUST_LOG: "info",
    RUST_BACKTRACE: "1",
  };
}

interface As {
  input?: string;
  /** Beside what every process of the place has. */
  env?: NodeJS.ProcessEnv;
}

/** Nothing else happens meanwhile, not even the end of a test that is late. */
const COMMAND_MS = 120_000;

/** Runs the command line at the hub of a place; gives what it printed. */
export function pilot(place: Place, args: string[], { input = "", env = {} }: As = {}): string {
  const all = { ...environment(place), ...env };
  const done = spawnSync(program("pilot"), args, { env: all, input, encoding: "utf8", timeout: COMMAND_MS });
  if (done.status !== 0) throw new Error(`pilot ${args.join(" ")}: ${done.stdout}${done.stderr}`);
  return done.stdout;
}

function hasARunner(place: Place): boolean {
  return pilot(place, ["runner", "list", "--json"]).includes('"online":true');
}

/** A hub of its own on a free port, with a runner that is online. */
export class Hub {
  private constructor(
    readonly place: Place,
    readonly url: string,
    private process: ChildProcess,
    readonly workers: number,
  ) {}

  static async start(place: Place, workers = 4): Promise<Hub> {
    const process = Hub.#up(place, "127.0.0.1:0", workers);
    const hub = new Hub(place, "", process, workers);
    const url = await until("the hub answers", async () => hub.#hasARunner() && hub.address());
    return new Hub(place, url, process, workers);
  }

  static #up(place: Place, listen: string, workers: number): ChildProcess {
    const args = ["up", "--listen", listen, "--workers", String(workers)];
    return place.start(program("pilot"), args, "hub", { env: environment(place) });
  }

  #hasARunner(): boolean {
    return hasARunner(this.place);
  }

  /** Hub and runner are killed, and start again where they were. */
  async diesAndComesBack(): Promise<void> {
    const gone = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGKILL");
    await gone;
    this.process = Hub.#up(this.place, new URL(this.url).host, this.workers);
    await until("the hub answers again", async () => this.#hasARunner());
  }

  address(): string {
    return new URL(this.signInLink()).origin;
  }

  /** Runs the command line as a person would; gives what it printed. */
  pilot(args: string[], input = ""): string {
    return pilot(this.place, args, { input });
  }

  /** A link that signs a browser in, once. */
  signInLink(): string {
    return this.pilot(["hub", "open"]).trim();
  }
}

/** A hub that some people share, with a runner that is online. */
export class House {
  private constructor(
    readonly place: Place,
    readonly url: string,
    readonly tokens: Record<string, string>,
  ) {}

  /** `people`: their names, and the role of each. */
  static async start(place: Place, people: Record<string, string>): Promise<House> {
    const child = place.start(
      program("examples/house"),
      [place.path("data/hub"), ...Object.entries(people).flat()],
      "hub",
    );
    const said = JSON.parse(await firstLine(child, "the hub")) as {
      url: string;
      tokens: Record<string, string>;
    };
    const code = pilot(place, ["runner", "join-code"]).trim();
    place.start(program("pilot"), ["runner", "--join", code], "runner", { env: environment(place) });
    await until("the runner is online", async () => hasARunner(place));
    return new House(place, said.url, said.tokens);
  }

  /** Runs the command line as the hub's owner. */
  pilot(args: string[]): string {
    return pilot(this.place, args);
  }

  token(name: string): string {
    return this.tokens[name] ?? "";
  }

  /** A browser that somebody has signed in with. */
  async browserOf(name: string): Promise<Browser> {
    const env = { PILOTHOUSE_HUB: this.url, PILOTHOUSE_TOKEN: this.token(name) };
    const browser = await Browser.chromium({ width: 1440, height: 900 });
    await browser.driver.get(pilot(this.place, ["hub", "open"], { env }).trim());
    return browser;
  }
}

/**
 * For a window to show its page. The web process of WebKitGTK was seen not to
 * come up at all on a busy machine; its driver then waits for ever.
 */
const WINDOW_MS = 90_000;
const WINDOWS = 3;

/** The desktop window with its own hub and runner, driven through WebKitWebDriver. */
export class Window {
  private constructor(
    readonly browser: Browser,
    readonly server: ChildProcess,
    private place: Place,
  ) {}

  static async open(place: Place): Promise<Window> {
    for (let tries = 1; ; tries += 1) {
      const server = await Window.#driver(place);
      try {
        const session = Browser.window(server.url, program("pilothouse"));
        const browser = await within(WINDOW_MS, "the window", session);
        return new Window(browser, server.process, place);
      } catch (thrown) {
        await Window.#gone(server.process, place);
        if (tries === WINDOWS) throw thrown;
        console.warn("the window is opened once more:", thrown);
      }
    }
  }

  static async #driver(place: Place): Promise<{ process: ChildProcess; url: string }> {
    const port = await freePort();
    const found = environment(place);
    // The person's browser: it keeps what it was to open.
    mkdirSync(place.path("bin"), { recursive: true });
    const keeps = `#!/bin/sh\necho "$1" >> '${place.path("opened")}'\n`;
    writeFileSync(place.path("bin/xdg-open"), keeps, { mode: 0o755 });
    const env = {
      ...found,
      PATH: `${place.path("bin")}:${found["PATH"]}`,
      TAURI_WEBVIEW_AUTOMATION: "true",
      PILOTHOUSE_RENDERING: "accelerated",
    };
    const server = place.start("WebKitWebDriver", [`--port=${port}`], "webdriver", { env });
    const url = `http://127.0.0.1:${port}`;
    await until("WebKitWebDriver answers", async () => (await fetch(`${url}/status`)).ok);
    return { process: server, url };
  }

  /** Until its end, it has the name on the session bus that the next one wants. */
  static async #gone(server: ChildProcess, place: Place): Promise<void> {
    await stop(server);
    await until("the window has gone", async () => {
      const left = place.pids("pilothouse");
      killAll(left);
      return left.length === 0;
    });
  }

  /** The pages that were opened in the person's browser. */
  opened(): string[] {
    const file = this.place.path("opened");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  }

  async end(): Promise<void> {
    try {
      await within(WINDOW_MS, "closing the window", this.browser.quit());
    } finally {
      await Window.#gone(this.server, this.place);
    }
  }
}
