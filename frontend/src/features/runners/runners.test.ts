import { expect, it } from "vitest";
import type { About } from "$/api/generated/proto";
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
