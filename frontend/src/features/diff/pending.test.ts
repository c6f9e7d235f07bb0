import { beforeEach, describe, expect, it } from "vitest";
import { Pending } from "./pending.svelte";

const target = { path: "a.rs", old: false, first: 3, last: 4, quote: "x\ny" };

describe("comments that are being written", () => {
  beforeEach(() => localStorage.clear());

  it("outlive a reload, word by word", () => {
    const before = new Pending("t");
    before.begin(target);
    before.write(before.editing ?? "", "Why not");
    before.text.text = "On the whole";
    const after = new Pending("t");
    expect(after.notes.map(({ text, first_line, quote }) => [text, first_line, quote])).toEqual([
      ["Why not", 3, "x\ny"],
    ]);
    expect(after.text.text).toBe("On the whole");
    expect(new Pending("other").notes).toEqual([]);
  });

  it("are gone on with when the same lines are commented on again", () => {
    const pending = new Pending("t");
    pending.begin(target);
    const first = pending.editing;
    pending.write(first ?? "", "One");
    pending.finish(first ?? "");
    pending.begin(target);
    expect([pending.editing, pending.notes.length]).toEqual([first, 1]);
    pending.begin({ ...target, last: 9 });
    expect(pending.notes.length).toBe(2);
  });

  it("are none when they say nothing", () => {
    const pending = new Pending("t");
    pending.begin(target);
    pending.write(pending.editing ?? "", "  ");
    expect(pending.ready).toEqual([]);
    pending.finish(pending.editing ?? "");
    expect([pending.notes, pending.editing]).toEqual([[], null]);
  });

  it("that were sent go, and those begun meanwhile stay", () => {
    const pending = new Pending("t");
    pending.begin(target);
    pending.write(pending.editing ?? "", "One");
    const ids = new Set(pending.ready.map((note) => note.id));
    pending.begin({ ...target, first: 9 });
    pending.write(pending.editing ?? "", "Two");
    pending.sent(ids);
    expect(pending.notes.map((note) => note.text)).toEqual(["Two"]);
    expect(new Pending("t").notes.length).toBe(1);
  });

  it("that cannot be understood are left alone", () => {
    localStorage.setItem("pilothouse.draft.review/t", "{nonsense");
    expect(new Pending("t").notes).toEqual([]);
  });
});
