// Measures logs and changes in a headless Chromium against a running hub:
//
//   node bench/reading.js --hub URL --token TOKEN [--pages URL] [--project demo] [--no-live]
//
// and prints JSON. The hub needs the scripted agent; for forty logs at once its
// runner needs forty workers. `--pages` is where the pages come from, if not
// from the hub.

import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { FILE_LINES, FILES, Hub, LINES } from "./hub.js";
import { frames, install, round, summary } from "./page.js";

const { values: options } = parseArgs({
  options: {
    hub: { type: "string" },
    token: { type: "string" },
    pages: { type: "string" },
    project: { type: "string", default: "demo" },
    chromium: { type: "string", default: "/usr/bin/chromium" },
    "no-live": { type: "boolean", default: false },
  },
});
if (!options.hub || !options.token) throw new Error("--hub and --token are needed");

const hub = new Hub(options.hub, options.token, options.project);
const pages = (options.pages ?? options.hub).replace(/\/$/, "");

async function opened(browser) {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    reducedMotion: "reduce",
  });
  await context.request.post(`${pages}/session`, { data: { token: options.token } });
  await context.addInitScript(install);
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => process.stderr.write(`${error.stack}\n`));
  return page;
}

/** Bytes of the page's heap after a collection. */
async function heap(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("HeapProfiler.collectGarbage");
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  await devtools.detach();
  return round(usedSize / 1024 / 1024);
}

const lineText = (line) => `[data-row="${line}"] .text`;

/** Goes to a line by the keyboard, as a person would; the times until it was painted. */
async function jump(page, line) {
  await page.keyboard.press(":");
  await page.fill("dialog input", String(line + 1));
  await page.evaluate((selector) => {
    window.__bench.answers = [];
    window.__jump = new Promise((resolve, reject) => {
      const from = () => {
        const at = performance.now();
        window.__bench.painted(selector, " ").then((seen) => {
          const answer = window.__bench.answer("/log");
          resolve({ whole: seen - at, painted: answer ? seen - answer.at : null });
        }, reject);
      };
      document.addEventListener("submit", from, { capture: true, once: true });
    });
  }, lineText(line));
  await page.keyboard.press("Enter");
  return page.evaluate(() => window.__jump);
}

async function log(page, task) {
  await page.goto(`${pages}/tasks/${task}/log`);
  await page.evaluate(() => window.__bench.painted(".text", " "));
  await jump(page, 1000); // The dialog's own first time.
  const before = await heap(page);
  const jumps = [];
  for (let at = 0; at < 15; at += 1)
    jumps.push(await jump(page, Math.floor(((at * 0.618034) % 1) * (LINES - 2000)) + 900));
  const after_jumps = await heap(page);
  const scrolling = await scroll(page);
  return {
    painted_after_answer_ms: summary(jumps.flatMap(({ painted }) => (painted === null ? [] : [painted]))),
    painted_after_asking_ms: summary(jumps.map(({ whole }) => whole)),
    scrolling,
    heap_mib: { before, after_jumps, after_scrolling: await heap(page) },
  };
}

/** Turns the wheel for some seconds. */
async function scroll(page) {
  const box = await page.locator(".scroller").last().boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.evaluate(() => (window.__stop = window.__bench.record()));
  for (const until = Date.now() + 6000; Date.now() < until;) {
    await page.mouse.wheel(0, 180);
    await page.waitForTimeout(12);
  }
  const times = await page.evaluate(() => {
    window.__stop();
    return window.__bench.frames.slice(2);
  });
  return frames(times);
}

async function fileList(page, task) {
  const times = [];
  for (let turn = 0; turn < 3; turn += 1) {
    await page.goto(`${pages}/tasks/${task}/diff`);
    times.push(
      await page.evaluate(async () => {
        const at = await window.__bench.painted(".node .name");
        const answer = window.__bench.answer("/diff");
        return { painted: at - answer.at, asked: at - answer.from, bytes: answer.bytes };
      }),
    );
  }
  return {
    files: FILES,
    answer_mib: round((times[0]?.bytes ?? 0) / 1024 / 1024),
    painted_after_answer_ms: summary(times.map(({ painted }) => painted)),
    painted_after_asking_ms: summary(times.map(({ asked }) => asked)),
  };
}

/** From the click on a file until its first lines are seen; each time as if for the first time. */
async function firstHunk(page, task, filter, text) {
  const times = [];
  for (let turn = 0; turn < 3; turn += 1) {
    await page.goto(`${pages}/tasks/${task}/diff?file=nothing`);
    await page.fill('input[type="search"]', filter);
    await page.waitForSelector(".node.file");
    times.push(
      await page.evaluate(async (wanted) => {
        const from = performance.now();
        document.querySelector(".node.file").click();
        return (await window.__bench.painted(".line.added .code", wanted)) - from;
      }, text),
    );
  }
  return { painted_after_click_ms: summary(times), first_ms: round(times[0] ?? 0) };
}

async function typing(page) {
  await page.goto(`${pages}/new?project=${options.project}`);
  const field = page.locator("textarea").first();
  await field.click();
  await page.evaluate(() => {
    window.__keys = [];
    document.addEventListener(
      "keydown",
      (event) => {
        const from = event.timeStamp;
        requestAnimationFrame(() => setTimeout(() => window.__keys.push(performance.now() - from), 0));
      },
      { capture: true },
    );
  });
  await page.keyboard.type("Please look at the failing test and mend what is broken.", { delay: 60 });
  const times = await page.evaluate(() => window.__keys);
  await field.fill("");
  return summary(times);
}

const browser = await chromium.launch({
  executablePath: options.chromium,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
try {
  const tasks = await hub.finished();
  const page = await opened(browser);
  const measured = { lines: LINES, log: await log(page, tasks.log) };
  measured.file_list = await fileList(page, tasks.files);
  measured.huge_file = {
    lines: FILE_LINES,
    ...(await firstHunk(page, tasks.huge, "huge", "line 1 of")),
    scrolling: await scroll(page),
  };
  measured.typing_idle_ms = await typing(page);
  if (!options["no-live"]) {
    const live = await hub.streaming();
    measured.typing_ms = await typing(page);
    measured.live_runs = await hub.working(live);
    await hub.stop(live);
  }
  process.stdout.write(`${JSON.stringify(measured, null, 2)}\n`);
} finally {
  await browser.close();
}
