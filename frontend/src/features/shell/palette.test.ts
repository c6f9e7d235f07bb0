import Circle from "@lucide/svelte/icons/circle";
import { expect, it } from "vitest";
import type { Task } from "$/api/generated/proto";
import { find, type Command } from "./palette";

const command = (id: string, label: string, words = ""): Command => ({
  id,
  group: "Do",
  label,
  words,
  icon: Circle,
  run: () => undefined,
});

const task = (id: string, title: string, more = {}): Task =>
  ({ id, title, branch: `pilot/${id}`, project: "app", agent: "claude", state: "queued", ...more }) as Task;

const COMMANDS = [
  command("new", "New task", "file add"),
  command("dark", "Dark theme", "colour"),
  command("go", "Runners"),
];
const TASKS = [
  task("01a1fced-8e68-74dc", "Fix the login page when the session is over"),
  task("02b2fced-1111-74dc", "Runners list flickers", { project: "web" }),
  ...Array.from({ length: 20 }, (_, n) => task(`03c3${n}`, `Chore number ${n}`)),
];
const ids = (query: string) => find(query, COMMANDS, TASKS).map(({ id }) => id);

it("offers everything it can do, and the newest tasks, before anything is typed", () => {
  expect(ids("").slice(0, 3)).toEqual(["new", "dark", "go"]);
  expect(ids("  ").slice(3)).toHaveLength(6);
});

it("finds a task by letters of its title, its project and its branch", () => {
  expect(ids("fix login")[0]).toBe("task/01a1fced-8e68-74dc");
  expect(ids("web")).toContain("task/02b2fced-1111-74dc");
  expect(ids("pilot/02b2")[0]).toBe("task/02b2fced-1111-74dc");
});

it("finds a task by the first digits of its id, before all else and once", () => {
  const found = ids("02b2fc");
  expect(found[0]).toBe("task/02b2fced-1111-74dc");
  expect(new Set(found).size).toBe(found.length);
});

it("finds a command by its label, by other words, and with letters left out", () => {
  expect(ids("colour")).toContain("dark");
  expect(ids("thme")).toContain("dark");
});

it("puts the command before a task that fits alike", () => {
  expect(ids("runners")[0]).toBe("go");
});

it("finds nothing for noise", () => {
  expect(ids("qzxv")).toEqual([]);
});
