// One WebDriver session: the real window through WebKitWebDriver, or headless
// Chromium at a size. Elements are found by role and name, as a screen reader
// or a keyboard user would; so a flow is written once for all of them.

import { Builder, By, Key, type WebDriver, type WebElement } from "selenium-webdriver";
import chrome from "selenium-webdriver/chrome.js";
import { until, within } from "./programs";

/** For Chromium to start. */
const BROWSER_MS = 120_000;

export interface Size {
  width: number;
  height: number;
}

/** Elements of a role by accessible name: exact, or by a regular expression. */
const FIND = `
  const [role, name, exact] = arguments;
  const selectors = {
    button: "button, [role=button], summary",
    link: "a[href], [role=link]",
    textbox: "input:not([type=checkbox]):not([type=radio]), textarea, [contenteditable=true], [role=textbox]",
    checkbox: "input[type=checkbox], [role=checkbox], [role=switch]",
    radio: "input[type=radio], [role=radio]",
    combobox: "select, [role=combobox]",
    tab: "[role=tab]",
    heading: "h1, h2, h3, h4, [role=heading]",
    region: "section, [role=region], main, aside, dialog, [role=dialog]",
    row: "[role=row], tr, li, [role=listitem], [role=option]",
  };
  const heard = (element) => {
    const copy = element.cloneNode(true);
    for (const silent of copy.querySelectorAll("[aria-hidden=true]")) silent.remove();
    return copy.textContent;
  };
  const labelOf = (element) => {
    const by = element.getAttribute("aria-labelledby");
    if (by) return by.split(/\\s+/).map((id) => document.getElementById(id)?.textContent ?? "").join(" ");
    const said = element.getAttribute("aria-label");
    if (said) return said;
    if (element.labels?.length) return [...element.labels].map(heard).join(" ");
    return heard(element) || element.getAttribute("title") || element.getAttribute("placeholder") || "";
  };
  const wanted = exact ? null : new RegExp(name, "i");
  const seen = (element) => {
    const box = element.getBoundingClientRect();
    if (box.width === 0 && box.height === 0) return false;
    const style = getComputedStyle(element);
    return style.visibility !== "hidden" && !element.closest("[inert]");
  };
  return [...document.querySelectorAll(selectors[role] ?? "[role=" + role + "]")].filter((element) => {
    const label = labelOf(element).replace(/\\s+/g, " ").trim();
    return seen(element) && (exact ? label === name : wanted.test(label));
  });
`;

/**
 * What a click on an element goes to, if it is where it was two frames ago: a
 * driver measures first and clicks then, and would meet what came in between.
 */
const STANDS_STILL = `
  const [element, done] = arguments;
  // What looks like the choice is often its label; the input itself is not to be seen.
  const target = element.matches("[type=radio], [type=checkbox]") ? (element.labels[0] ?? element) : element;
  target.scrollIntoView({ block: "center" });
  const where = () => JSON.stringify(target.getBoundingClientRect());
  const before = where();
  requestAnimationFrame(() => requestAnimationFrame(() => {
    if (where() !== before || !target.isConnected || element.disabled) return done(null);
    window.heard = false;
    target.addEventListener("click", () => { window.heard = true; }, { capture: true, once: true });
    done(target);
  }));
`;

/**
 * Whether a click met something else: its target is shown and has heard nothing,
 * though it had time to. A tap is a click only a moment later, and what acts on
 * the pointer's way down may be gone by then.
 */
const MISSED = `
  const [target, done] = arguments;
  const end = performance.now() + 5000;
  const look = () => {
    const { width, height } = target.getBoundingClientRect();
    if (window.heard !== false || !target.isConnected || width + height === 0) done(false);
    else if (performance.now() > end) done(true);
    else setTimeout(look, 20);
  };
  look();
`;

/** Keeps how much a page moves by itself, from its first picture on. */
const WATCH_SHIFTS = `
  window.shifts = [];
  const words = (node) => (node?.textContent ?? "").replace(/\\s+/g, " ").trim().slice(0, 60);
  new PerformanceObserver((list) => {
    for (const shift of list.getEntries()) {
      if (shift.hadRecentInput) continue;
      window.shifts.push({ value: shift.value, moved: shift.sources.map(({ node }) => words(node)) });
    }
  }).observe({ type: "layout-shift", buffered: true });
`;

/** https://developer.mozilla.org/docs/Web/API/LayoutShift, and the first words of what moved. */
interface Shift {
  value: number;
  moved: string[];
}

export type RoleName =
  | "button"
  | "link"
  | "textbox"
  | "checkbox"
  | "radio"
  | "combobox"
  | "tab"
  | "heading"
  | "region"
  | "row"
  | "menuitem"
  | "menuitemradio";

export class Browser {
  /** Clicks so far, for flows that promise few. */
  #clicks = 0;
  /** Clicks when the last task was filed. */
  clicksUntilFiled = 0;

  private constructor(readonly driver: WebDriver) {}

  static async chromium(size: Size, dark = false): Promise<Browser> {
    const options = new chrome.Options();
    options.addArguments(
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--hide-scrollbars",
      "--force-color-profile=srgb",
      `--window-size=${size.width},${size.height}`,
    );
    options.setBinaryPath("/usr/bin/chromium");
    if (size.width < 500) {
      options.setMobileEmulation({
        deviceMetrics: { ...size, pixelRatio: 1, touch: true, mobile: true },
      } as never);
    }
    const service = new chrome.ServiceBuilder("/usr/bin/chromedriver");
    const builder = new Builder().forBrowser("chrome").setChromeOptions(options).setChromeService(service);
    const driver = await within(BROWSER_MS, "a browser", Promise.resolve(builder.build()));
    const devtools = driver as unknown as chrome.Driver;
    if (size.width >= 500) {
      // A window of that size has a page that is smaller.
      await devtools.sendDevToolsCommand("Emulation.setDeviceMetricsOverride", {
        ...size,
        deviceScaleFactor: 1,
        mobile: false,
      });
    }
    await devtools.sendDevToolsCommand("Page.addScriptToEvaluateOnNewDocument", {
      source: WATCH_SHIFTS,
    });
    await devtools.sendDevToolsCommand("Emulation.setEmulatedMedia", {
      features: [
        { name: "prefers-color-scheme", value: dark ? "dark" : "light" },
        // Contrast is measured on what is there, and not on what fades in.
        { name: "prefers-reduced-motion", value: "reduce" },
      ],
    });
    return new Browser(driver);
  }

  /** What moved by itself since it was asked last; of Chromium only, WebKit does not tell. */
  shifts(): Promise<Shift[]> {
    return this.driver.executeScript("return window.shifts.splice(0)");
  }

  /** The desktop window; `WebKitWebDriver` listens at `server` already. */
  static async window(server: string, binary: string): Promise<Browser> {
    const builder = new Builder().usingServer(server).withCapabilities({
      browserName: "wry",
      "webkitgtk:browserOptions": { binary, args: [] },
    });
    builder.getCapabilities().setBrowserName("wry");
    return new Browser(await builder.build());
  }

  async quit(): Promise<void> {
    await this.driver.quit();
  }

  async all(role: RoleName, name: string | RegExp): Promise<WebElement[]> {
    const [text, exact] = typeof name === "string" ? [name, true] : [name.source, false];
    return this.driver.executeScript<WebElement[]>(FIND, role, text, exact);
  }

  async find(role: RoleName, name: string | RegExp): Promise<WebElement> {
    return until(`a ${role} called ${String(name)}`, async () => (await this.all(role, name))[0]);
  }

  async has(role: RoleName, name: string | RegExp): Promise<boolean> {
    return (await this.all(role, name)).length > 0;
  }

  /** Clicks what stands still and may be clicked; looks it up again where the page replaced it meanwhile. */
  async click(role: RoleName, name: string | RegExp): Promise<void> {
    await until(`a click on the ${role} ${String(name)}`, async () => {
      const element = (await this.all(role, name))[0];
      if (!element) return false;
      const target = await this.driver.executeAsyncScript<WebElement | null>(STANDS_STILL, element);
      if (!target) return false;
      await target.click();
      if (await this.#missed(target)) return false;
      this.#clicks += 1;
      if (String(name).includes("File")) this.clicksUntilFiled = this.#clicks;
      return true;
    });
  }

  async #missed(target: WebElement): Promise<boolean> {
    try {
      return await this.driver.executeAsyncScript<boolean>(MISSED, target);
    } catch {
      return false; // It did something: the page is another.
    }
  }

  async type(name: string | RegExp, text: string): Promise<void> {
    await until(`words in ${String(name)}`, async () => {
      const field = await this.find("textbox", name);
      await this.driver.executeScript("arguments[0].scrollIntoView({ block: 'center' })", field);
      await field.click();
      await field.sendKeys(Key.chord(Key.CONTROL, "a"), Key.BACK_SPACE);
      // WebKit drops line ends that are not keys.
      await field.sendKeys(text.replaceAll("\n", Key.ENTER));
      return true;
    });
  }

  async choose(name: string | RegExp, option: string): Promise<void> {
    const words = By.xpath(`.//option[contains(normalize-space(.), "${option}")]`);
    await until(`${option} in ${String(name)}`, async () => {
      await (await this.find("combobox", name)).findElement(words).click();
      return true;
    });
  }

  async press(...keys: string[]): Promise<void> {
    await this.driver
      .actions()
      .sendKeys(...keys)
      .perform();
  }

  /** Everything that can be read on the page. */
  async text(): Promise<string> {
    return this.driver.executeScript<string>("return document.body.innerText");
  }

  async sees(text: string | RegExp): Promise<void> {
    let page = "";
    try {
      await until(`the page says ${String(text)}`, async () => {
        page = await this.text();
        return typeof text === "string" ? page.includes(text) : text.test(page);
      });
    } catch (thrown) {
      const place = await this.place();
      throw new Error(`${String(thrown)}; it is at ${place} and says:\n${page.slice(0, 3000)}`, {
        cause: thrown,
      });
    }
  }

  /** Where the page is, below its base. */
  async place(): Promise<string> {
    return this.driver.executeScript<string>("return location.pathname + location.search");
  }

  /** What a click on a link to here would do. */
  async go(path: string): Promise<void> {
    await this.driver.executeScript(
      `history.pushState(null, "", new URL(arguments[0], document.baseURI)); dispatchEvent(new PopStateEvent("popstate"))`,
      path.replace(/^\//, ""),
    );
  }

  /** Nothing is being read any more, or nothing has come of it for a while. */
  async settled(): Promise<void> {
    const end = Date.now() + 5000;
    const busy = "return Boolean(document.querySelector('[aria-busy=true], .spinner'))";
    while (Date.now() < end && (await this.driver.executeScript<boolean>(busy))) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await this.driver.executeAsyncScript(
      "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0)))",
    );
  }

  /** After the frame that shows what was last changed. */
  async screenshot(): Promise<Buffer> {
    await this.driver.executeAsyncScript(
      "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0)))",
    );
    return Buffer.from(await this.driver.takeScreenshot(), "base64");
  }
}
