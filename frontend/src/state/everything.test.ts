// @vitest-environment happy-dom
import { beforeEach, expect, it, vi } from "vitest";
import type { Present } from "$/api/live";
import type { InboxItem, RunnerSeen, Task } from "$/api/generated/proto";
import { Everything } from "./everything.svelte";

const task = (id: string, created_at = 1, more = {}): Task =>
  ({ id, created_at, state: "queued", ...more }) as Task;
const runner = (id: string): RunnerSeen => ({ id, about: { name: id } }) as RunnerSeen;
const item = (id: string, asked_at = 1, answered: unknown = null): InboxItem =>
  ({ id, asked_at, answered }) as InboxItem;

function present(part: Partial<Present>): Present {
  return { type: "present", watch: 1, tasks: [], runners: [], inbox: [], first: true, last: true, ...part };
}

let frames: (() => void)[] = [];
let all: Everything;

beforeEach(() => {
  frames = [];
  vi.stubGlobal("requestAnimationFrame", (run: () => void) => frames.push(run));
  all = new Everything();
});

function frame(): void {
  for (const run of frames.splice(0)) run();
}

const ids = (list: { id: string }[]) => list.map(({ id }) => id);

it("is ready with the last part of the present state", () => {
  all.present(present({ tasks: [task("b", 2)], runners: [runner("r")], last: false }));
  expect(all.ready).toBe(false);
  all.present(present({ tasks: [task("a", 1)], first: false }));
  expect(all.ready).toBe(true);
  expect(ids(all.tasks)).toEqual(["b", "a"]);
  expect(ids(all.runners)).toEqual(["r"]);
});

it("forgets what a whole new round does not tell", () => {
  all.present(present({ tasks: [task("a"), task("b", 2)], runners: [runner("r")], inbox: [item("i")] }));
  all.present(present({ tasks: [task("b", 2)] }));
  expect(ids(all.tasks)).toEqual(["b"]);
  expect(all.runners).toEqual([]);
  expect(all.inbox).toEqual([]);
  expect(all.byId("a")).toBeUndefined();
});

it("keeps what changes while a round is told", () => {
  all.present(present({ tasks: [task("a")], last: false }));
  all.task(task("fresh", 9));
  all.present(present({ tasks: [task("b", 2)], first: false }));
  expect(ids(all.tasks)).toEqual(["fresh", "b", "a"]);
});

it("shows many changes once per frame, the last of each", () => {
  all.present(present({}));
  for (let n = 1; n <= 50; n += 1) all.task(task("a", 1, { reason: String(n) }));
  expect(all.tasks).toEqual([]);
  expect(frames).toHaveLength(1);
  frame();
  expect(all.tasks.map(({ reason }) => reason)).toEqual(["50"]);
});

it("lists open items only, oldest first", () => {
  all.present(present({ inbox: [item("late", 5)] }));
  all.inboxItem(item("early", 2));
  frame();
  expect(ids(all.inbox)).toEqual(["early", "late"]);
  all.inboxItem(item("early", 2, { at: 3 }));
  frame();
  expect(ids(all.inbox)).toEqual(["late"]);
});

it("puts tasks that were filed together in one order, whatever order they come in", () => {
  all.present(present({ tasks: [task("a"), task("c"), task("b")] }));
  expect(ids(all.tasks)).toEqual(["c", "b", "a"]);
});

it("keeps the order when what is told changes none, and finds it anew when it does", () => {
  all.present(present({ tasks: [task("a", 1), task("b", 2), task("c", 3)] }));
  all.task(task("b", 2, { reason: "works" }));
  frame();
  expect(all.tasks.map(({ id, reason }) => [id, reason])).toEqual([
    ["c", undefined],
    ["b", "works"],
    ["a", undefined],
  ]);
  const shown = all.tasks;
  all.task(task("b", 2, { reason: "works on" }));
  all.task(task("d", 4));
  frame();
  expect(ids(all.tasks)).toEqual(["d", "c", "b", "a"]);
  expect(all.tasks[2]?.reason).toBe("works on");
  // What was shown is another list: a page may hold on to it.
  expect(shown[1]?.reason).toBe("works");
});
