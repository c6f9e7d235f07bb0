import { expect, it } from "vitest";
import type { About } from "$/api/generated/proto";
import { agent } from "../../../tests/builders";
import { findings } from "./findings";
import { meters } from "./load";

const LOAD = {
  cpu_permille: 970,
  cpus: 4,
  memory_available: 1_000_000_000,
  memory_total: 8_000_000_000,
  disk_free: 90_000_000_000,
  disk_total: 100_000_000_000,
};

it("shows a machine's load, and warns before it is full", () => {
  expect(meters(LOAD, 1, 2).map(({ name, tone, text }) => [name, tone, text])).toEqual([
    ["Workers", "accent", "1 of 2"],
    ["Processor", "fail", "97 % of 4"],
    ["Memory", "wait", "1 GB free"],
    ["Disk", "neutral", "90 GB free"],
  ]);
});

it("shows what is known where the load is not, and divides by no zero", () => {
  expect(meters(null, 0, 0)).toMatchObject([{ name: "Workers", part: 0 }]);
  expect(meters({ ...LOAD, memory_total: 0, disk_total: 0 }, 0, 2).map(({ name }) => name)).toEqual([
    "Workers",
    "Processor",
  ]);
});

it("lists what is amiss first, with its mend", () => {
  const about = {
    agents: [
      { name: "scripted", version: "0.1", problem: null, abilities: null },
      {
        name: "claude",
        version: null,
        problem: "`claude` is not on the PATH; `npm install -g it`",
        abilities: null,
      },
    ],
    checks: [
      { name: "git", found: "2.39", problem: null, mend: "" },
      { name: "disk", found: "1 GB", problem: "Too little is free.", mend: "Make room." },
    ],
  } as unknown as About;
  expect(findings(about).map(({ name, problem, mend }) => [name, problem, mend])).toEqual([
    ["claude", "claude is not on the PATH", "npm install -g it"],
    ["disk", "Too little is free.", "Make room."],
    ["scripted", null, ""],
    ["git", null, ""],
  ]);
});

it("tells of an agent where it came from, what it can do, its logins, and whether it answers", () => {
  const can = { resume: true, approvals: true, questions: false, plan: false, steer: false };
  const rest = { goes_on_refused: true, interrupt: false, images: false, usage: false, cost: false };
  const live = { at: 1, provider: "team", took_ms: 2340, answer: "ready\n", problem: null };
  const about = {
    agents: [
      agent("claude", {
        version: "2.1.329",
        origin: "pinned",
        abilities: { ...can, ...rest },
        own_login: "~/.claude/.credentials.json",
        live,
      }),
      agent("pi", {
        live: { ...live, provider: null, problem: { code: "agent_auth", message: "No.", hint: "Do." } },
      }),
      agent("hands-on", { origin: "built_in" }),
    ],
    checks: [],
  } as unknown as About;
  const [claude, pi, byHand] = findings(about);
  expect(claude).toMatchObject({ found: "2.1.329, pinned", agent: "claude" });
  expect(claude?.notes).toEqual([
    "goes on elsewhere, asks before tools",
    "~/.claude/.credentials.json on that machine holds a login; runs do not use it, they get the hub's.",
    "Tried, with team, 2.3 s: it answered “ready”.",
  ]);
  expect(pi?.notes).toEqual(["Tried, 2.3 s: No. Do."]);
  expect(byHand).toMatchObject({ found: "built in", agent: null });
});
