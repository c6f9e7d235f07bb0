import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ChangedFile, DiffRow, FileDiff, Snapshot } from "$/api/generated/proto";
import { task } from "../../../tests/builders";
import { FakeHub } from "../../../tests/fake-hub";
import Diff from "./Diff.svelte";

const PATH = "src/price.ts";

function changed(contents: string): ChangedFile {
  const side = { kind: "text" as const, mode: 0o100644, size: contents.length, blob: `blob of ${contents}` };
  return { path: PATH, change: "added", old: null, new: side, added: 1, removed: 0 };
}

/** A hub whose task's only file can be written anew, as by a run. */
class Workspace extends FakeHub {
  lines: string[];
  number = 1;

  constructor(...lines: string[]) {
    super(
      { tasks: [task("t", { state: "working", run: "one" } as object)] },
      {
        task_diff: () => this.snapshot(),
        task_diff_file: () => this.file(),
        task_review_notes: () => [],
      },
    );
    this.lines = lines;
  }

  snapshot(): Snapshot {
    if (this.number === 0) return { number: 0, base: "b", head: "h", files: {} };
    return { number: this.number, base: "b", head: "h", files: { [PATH]: changed(this.lines.join("\n")) } };
  }

  file(): FileDiff {
    const rows = this.lines.map((text, at): DiffRow => ({
      row: "differs",
      old: null,
      new: { line: at + 1, text, emphasis: [], no_newline: false },
    }));
    const [total_rows, first_row] = [rows.length, 0];
    const file = changed(this.lines.join("\n"));
    return { file, total_rows, first_row, rows, changes: [[0, rows.length]], approximate: false, note: null };
  }

  /** A run ends with other contents; the page looks a little after it was told. */
  async becomes(run: string, number: number, ...lines: string[]): Promise<void> {
    [this.number, this.lines] = [number, lines];
    await this.tell({ type: "task", task: task("t", { state: "working", run } as object) });
    await vi.advanceTimersByTimeAsync(2000);
  }
}

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"],
    shouldAdvanceTime: true,
  });
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  localStorage.clear();
});

async function opened(hub: Workspace): Promise<void> {
  await hub.open(`/tasks/t/diff?file=${encodeURIComponent(PATH)}`);
  render(Diff, { task: "t" });
  await screen.findByText("first");
}

it("shows what a follow-up run made of the open file, whose snapshots count from one again", async () => {
  const hub = new Workspace("first");
  await opened(hub);
  await hub.becomes("two", 1, "first", "second");
  expect(await screen.findByText("second")).toBeTruthy();
  expect(screen.queryByText(/has changed since you opened it/)).toBeNull();
});

it("stays with what it shows until the follow-up run has looked at its workspace", async () => {
  const hub = new Workspace("first");
  await opened(hub);
  const line = screen.getByText("first");
  await hub.becomes("two", 0);
  expect(screen.getByText("first")).toBe(line);
  await hub.becomes("two", 1, "first", "second");
  expect(await screen.findByText("second")).toBeTruthy();
});

it("leaves the lines alone while a comment on them is written, and follows when it is done", async () => {
  const hub = new Workspace("first");
  await opened(hub);
  await fireEvent.click(screen.getByRole("button", { name: "Comment on line 1" }));
  await fireEvent.input(await screen.findByRole("textbox", { name: /^Comment on/ }), {
    target: { value: "Why?" },
  });
  await hub.becomes("one", 2, "zeroth", "first");
  expect(await screen.findByText(/has changed since you opened it/)).toBeTruthy();
  expect(screen.queryByText("zeroth")).toBeNull();
  await fireEvent.click(screen.getByRole("button", { name: "Add comment" }));
  expect(await screen.findByText("zeroth")).toBeTruthy();
  // The comment has moved with its line.
  await waitFor(() => expect(localStorage.getItem("pilothouse.draft.review/t")).toContain('"first_line":2'));
});

it("keeps what is shown when the new contents cannot be read, and says that there are some", async () => {
  const hub = new Workspace("first");
  await opened(hub);
  hub.answers.task_diff_file = () => Promise.reject(new Error("gone"));
  await hub.becomes("two", 1, "second");
  expect(await screen.findByText(/has changed since you opened it/)).toBeTruthy();
  expect(screen.getByText("first")).toBeTruthy();
  hub.answers.task_diff_file = () => hub.file();
  await fireEvent.click(screen.getByRole("button", { name: /Refresh/ }));
  expect(await screen.findByText("second")).toBeTruthy();
});
