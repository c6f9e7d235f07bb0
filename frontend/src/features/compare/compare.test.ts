import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, describe, expect, it } from "vitest";
import type { ChangedFile, DiffRow, Run, Snapshot } from "$/api/generated/proto";
import { route } from "$/state/route.svelte";
import { NOON, task } from "../../../tests/builders";
import { FakeHub } from "../../../tests/fake-hub";
import Compare from "./Compare.svelte";
import { linesOf, partsOf } from "./lines";
import { candidates, firstPair, matrix, timeTaken } from "./matrix";

const file = (path: string): ChangedFile => ({
  path,
  change: "modified",
  old: null,
  new: null,
  added: 1,
  removed: 1,
});
const snapshot = (...paths: string[]): Snapshot => ({
  number: 1,
  base: "",
  head: "",
  files: Object.fromEntries(paths.map((path) => [path, file(path)])),
});
const cell = (line: number, text: string) => ({ line, text, emphasis: [], no_newline: false });

afterEach(cleanup);

describe("the files of several tries", () => {
  it("that all touched come first", () => {
    const rows = matrix([snapshot("a", "z"), snapshot("z"), null]);
    expect(rows.map(({ path, touchedBy }) => [path, touchedBy])).toEqual([
      ["z", 2],
      ["a", 1],
    ]);
    expect(rows[1]?.cells.map((one) => one !== null)).toEqual([true, false, false]);
  });

  it("are of the group's tasks, in the order in which they were filed", () => {
    const all = [
      task("late", { group: "g", created_at: NOON + 1 }),
      task("other"),
      task("early", { group: "g", state: "ready" }),
    ];
    const tries = candidates(all, "g");
    expect(tries.map(({ id }) => id)).toEqual(["early", "late"]);
    expect(firstPair([...tries].reverse())).toEqual(["early", "late"]);
  });

  it("took the time of all runs, the one under way until now", () => {
    const run = (from: number, until: number | null) =>
      ({ leased_at: from * 1000, started_at: null, ended_at: until === null ? null : until * 1000 }) as Run;
    expect(timeTaken([run(0, 1000), run(5000, null)], 7000)).toBe(3000);
  });
});

describe("a change as lines", () => {
  it("says first what was there, then what is there", () => {
    const rows: DiffRow[] = [
      { row: "folded", first_row: 0, rows: 2 },
      { row: "differs", old: cell(3, "a"), new: cell(3, "b") },
      { row: "differs", old: cell(4, "c"), new: null },
      { row: "same", old: 5, new: 4, text: "d" },
    ];
    expect(linesOf(rows).map(({ kind, parts }) => `${kind} ${parts[0]?.text}`)).toEqual([
      "folded 2 lines as before",
      "removed a",
      "removed c",
      "added b",
      "same d",
    ]);
  });

  it("emphasises by bytes, whatever the letters", () => {
    const parts = partsOf({ text: "é → ok", emphasis: [[3, 6]] });
    expect(parts).toEqual([
      { text: "é ", strong: false },
      { text: "→", strong: true },
      { text: " ok", strong: false },
    ]);
  });
});

describe("comparing", () => {
  const ready = task("one", { group: "g", state: "ready", diff: { files: 1, added: 1, removed: 1 } });
  const working = task("two", { group: "g", state: "working", phase: "agent_running", created_at: NOON + 1 });
  const tasks = [ready, working];

  it("shows the same file of two tries, and keeps one when asked twice", async () => {
    const hub = new FakeHub(
      { tasks },
      {
        task_diff: ({ task: id }) => (id === "one" ? snapshot("src/a.ts") : snapshot()),
        task_show: ({ task: id }) => ({
          ...(id === "one" ? ready : working),
          children: [],
          runs: [],
          inbox: [],
          said: [],
        }),
        task_diff_file: () => ({
          file: file("src/a.ts"),
          total_rows: 1,
          first_row: 0,
          rows: [{ row: "differs", old: cell(1, "before"), new: cell(1, "after") }],
          changes: [],
          approximate: false,
          note: null,
        }),
        task_keep: () => ready,
      },
    );
    await hub.open("/compare/g");
    render(Compare, { group: "g" });
    expect(await screen.findByText("after")).toBeTruthy();
    expect(screen.getByText("This try left the file as it was.")).toBeTruthy();
    const second = screen.getByRole("region", { name: "Try B" });
    expect(within(second).getByRole<HTMLButtonElement>("button", { name: "Keep this one" }).disabled).toBe(
      true,
    );
    const first = screen.getByRole("region", { name: "Try A" });
    await fireEvent.click(within(first).getByRole("button", { name: "Keep this one" }));
    expect(await screen.findByText(/The other one is stopped/)).toBeTruthy();
    expect(hub.of("task_keep")).toEqual([]);
    await fireEvent.click(screen.getByRole("button", { name: "Keep A" }));
    await waitFor(() => expect(hub.of("task_keep")).toEqual([{ task: "one" }]));
    await waitFor(() => expect(route.place.path).toEqual(["tasks", "one"]));
  });
});
