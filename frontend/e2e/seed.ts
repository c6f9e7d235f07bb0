// A hub with something of everything on it: what screenshots are made of, and
// what accessibility is checked on. Every state is come by honestly, by tasks
// that the built-in agent works at.

import { readFileSync } from "node:fs";
import type { Client } from "../src/api/client";
import { Client as Calls } from "../src/api/client";
import type { Connection } from "../src/host/host";
import type { NewTask, Project, Task } from "../src/api/generated/proto";
import { until } from "./programs";
import type { Hub, Outside } from "./worlds";

/** Commands with the owner's token, as a script of a person's would send them. */
export function owner(hub: Hub): Client {
  const token = readFileSync(hub.place.path("data", "hub", "owner-token"), "utf8").trim();
  const carry: Connection = {
    async call(method, path, body) {
      const headers = {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
      };
      const response = await fetch(hub.url + path, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
      });
      const text = await response.text();
      if (!response.ok) throw JSON.parse(text) as unknown;
      return text;
    },
    live: () => {
      throw new Error("a seed watches nothing");
    },
    download: () => Promise.reject(new Error("a seed saves nothing")),
    objectUrl: () => Promise.reject(new Error("a seed shows nothing")),
  };
  return new Calls("seed", carry);
}

export function task(project: string, title: string, prompt: string, more: Partial<NewTask> = {}): NewTask {
  return {
    project,
    title,
    prompt,
    agent: "scripted",
    mode: "auto",
    on_timeout: "proceed",
    limits: {
      agent_secs: 28800,
      setup_secs: 3600,
      answer_secs: 3600,
      stall_secs: 180,
      budget_micros: null,
    },
    attachments: [],
    hold: false,
    ...more,
  };
}

const SITE: Project = {
  name: "site",
  repo: "",
  forge: null,
  agent: "scripted",
  base: "main",
  setup: [],
  network: { gate: "enforce", presets: ["npm", "forge"], allow: ["api.example.org"], deny: [] },
  walls: {
    kind: "auto",
    limits: {
      memory_mb: 8192,
      pids: 4096,
      cpu_percent: null,
      disk_mb: 20_480,
      file_mb: 8192,
      tmp_mb: 1024,
      open_files: 65_536,
    },
  },
  secrets: [],
};

export async function connect(client: Client, world: Outside): Promise<void> {
  await client.call("forge_add", {
    name: "home",
    kind: "gitea",
    url: world.forge,
    token: world.token,
  });
  await client.call("provider_add", {
    name: "model",
    kind: "anthropic",
    base_url: world.model,
    key: "k-0123456789",
  });
  await client.call("secret_set", {
    name: "NPM_TOKEN",
    source: { from: "value", value: "npm-0123456789-0123456789" },
  });
  await client.call("price_set", {
    prices: [
      {
        model: "scripted-*",
        input: 3_000_000,
        output: 15_000_000,
        cache_read: 300_000,
        cache_write: 3_750_000,
      },
    ],
  });
  await client.call("project_add", {
    ...SITE,
    repo: world.repository,
    forge: "home",
    secrets: [{ name: "NPM_TOKEN", delivery: { how: "environment", variable: "NPM_TOKEN" } }],
  });
  await client.call("schedule_set", {
    name: "site",
    schedule: "nightly",
    cron: "0 3 * * 1-5",
    zone: "Europe/Berlin",
    title: "Bring the packages up to date",
    prompt: "Update every package within its major version and run the tests.",
    how: { agent: null, model: null, mode: null, profile: null, base: null, hold: true },
    overlap: "skip_open",
    missed: "once",
    stop: { failures: 3, tasks: null, budget_micros: null, until: null },
  });
  // One whose walls and gate a person has switched off: it says so everywhere.
  await client.call("project_add", {
    ...SITE,
    name: "lab",
    repo: world.repository,
    forge: "home",
    network: { ...SITE.network, gate: "off" },
    walls: { ...SITE.walls, kind: "off" },
  });
}

const REFACTOR = String.raw`say I will look at how prices are added up and shown.
think The sum is right, but a price of 5 cents is shown as 0.05 EUR and one of 10 as 0.1 EUR.
run git log --oneline | head -3
run cat src/price.ts
write src/money.ts // Money is counted in cents and shown with two digits.\nexport type Cents = number;\n\nconst FORMAT = new Intl.NumberFormat("de-DE", { style: "currency", currency: "EUR" });\n\nexport function shown(cents: Cents): string {\n  return FORMAT.format(cents / 100);\n}
write src/price.ts import { shown, type Cents } from "./money";\n\nexport interface Item {\n  name: string;\n  cents: Cents;\n  amount: number;\n}\n\nexport function total(items: Item[]): Cents {\n  return items.reduce((sum, item) => sum + item.cents * item.amount, 0);\n}\n\nexport { shown };
write src/price.test.ts import { total } from "./price";\n\nconst items = [{ name: "tea", cents: 250, amount: 2 }];\nif (total(items) !== 500) throw new Error("amounts are counted");\nconsole.log("ok");
run echo 'running 12 tests' && for n in 1 2 3 4 5 6 7 8 9 10 11 12; do printf '\033[32mok\033[0m  price case %s\n' $n; done
say Done: money has a module of its own, amounts are counted, and twelve tests pass.`;

const REFUSED = String.raw`say I will fetch the packages.
run curl -sS -m 10 https://registry.made-up.example/package || true
run curl -sS -m 10 http://telemetry.made-up.example/ping || true
say Neither can be reached; I go on with what is here.
sleep-ms 14400000`;

const BUILD = String.raw`say I will build everything once, to see what is broken.
lines-per-second 40 40000
say The build is through.`;

/** Files the tasks; gives them when each stands where it will stay. */
export async function fill(client: Client): Promise<Map<string, Task>> {
  const group = crypto.randomUUID();
  const price = (title: string) => task("site", title, REFACTOR, { group, hold: true });
  const wanted: [string, string[], NewTask][] = [
    [
      "review",
      ["in_review"],
      task(
        "site",
        "Fix the typo in the footer",
        "write index.html <h1>Hello</h1>\\n<footer>Copyright 2026</footer>\nsay The footer says Copyright now.",
        { issue: 1 },
      ),
    ],
    ["best-1", ["ready"], price("Show prices with two digits")],
    ["best-2", ["ready"], { ...price("Show prices with two digits"), prompt: REFACTOR }],
    [
      "permission",
      ["needs_you"],
      task(
        "site",
        "Publish the package to the staging registry",
        "say Everything is built; I would publish it now.\npermit Bash npm publish --tag next --dry-run",
        { mode: "ask" },
      ),
    ],
    [
      "question",
      ["needs_you"],
      task(
        "site",
        "Choose a date library and use it everywhere",
        "think There are three that fit.\nask Which date library shall be used? | date-fns | Day.js | Temporal with a polyfill",
        { mode: "ask" },
      ),
    ],
    [
      "plan",
      ["needs_you"],
      task(
        "demo",
        "Rename greet.sh and everything that calls it",
        "plan 1. Rename `src/greet.sh` to `src/hello.sh`.\\n2. Change the README and the two callers.\\n3. Run both scripts and compare what they print.",
        { mode: "plan" },
      ),
    ],
    [
      "failed",
      ["failed"],
      task(
        "site",
        "Upgrade the test runner to its next major version",
        "run echo 'npm error peer dependency conflict' >&2\nfail The upgrade needs a newer node than this runner has.",
      ),
    ],
    ["demo", ["published"], task("demo", "Teach the greeting to say good-bye", "", {})],
    ["open", ["no_change"], task("lab", "Try the new compiler on everything", "say It builds.\nnothing")],
    [
      "nothing",
      ["no_change"],
      task(
        "demo",
        "Check that every script has a licence header",
        "say Every script has one already.\nnothing",
      ),
    ],
    ["working", ["working"], task("site", "Build everything and list what is broken", BUILD)],
    ["refused", ["working"], task("site", "Update the packages of the site", REFUSED)],
    [
      "waiting",
      ["working", "queued", "leased"],
      task("demo", "Measure how long a cold start takes", "sleep-ms 14400000"),
    ],
  ];
  const filed = new Map<string, Task>();
  for (const [name, , wish] of wanted) filed.set(name, await client.call("task_new", wish));
  for (const [name, states] of wanted) {
    const id = filed.get(name)?.id ?? "";
    const detail = await until(`${name} is ${states.join(" or ")}`, async () => {
      const seen = await client.call("task_show", { task: id });
      return states.includes(seen.state) && seen;
    });
    filed.set(name, detail);
  }
  await until("two hosts were refused", async () => {
    const asked = await client.call("inbox_list", { task: filed.get("refused")?.id ?? "" });
    return asked.length === 2;
  });
  return filed;
}
