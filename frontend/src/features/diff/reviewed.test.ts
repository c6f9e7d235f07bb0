import { describe, expect, it } from "vitest";
import type { ChangedFile } from "$/api/generated/proto";
import { markOf, nextToReview, progress, withMark, type Marks } from "./reviewed";

function file(path: string, blob: string, mode = 0o100644): ChangedFile {
  return {
    path,
    change: "modified",
    old: null,
    new: { kind: "text", mode, size: 1, blob },
    added: 1,
    removed: 0,
  };
}

describe("a mark of review", () => {
  const marks = withMark({}, file("a", "1"), true);

  it("survives a snapshot in which the file is the same", () =>
    expect(markOf(marks, file("a", "1"))).toBe("reviewed"));

  it.each([
    ["contents", file("a", "2")],
    ["mode", file("a", "1", 0o100755)],
    ["old name", { ...file("a", "1"), old_path: "b" }],
    ["being there", { ...file("a", "1"), new: null }],
  ])("is dropped when its %s changed", (_, changed) => expect(markOf(marks, changed)).toBe("changed"));

  it("can be taken back", () => expect(withMark(marks, file("a", "1"), false)).toEqual({}));

  it("tells files whose contents are not kept apart by their sizes", () => {
    const big = (size: number): ChangedFile => ({
      ...file("b", ""),
      new: { kind: "text", mode: 0, size, blob: null },
    });
    expect(markOf(withMark({}, big(5), true), big(6))).toBe("changed");
  });
});

describe("the progress of a review", () => {
  const files = ["a", "b", "c", "d"].map((path) => file(path, path));
  const marks: Marks = { a: "other", b: withMark({}, file("b", "b"), true)["b"] ?? "", gone: "x" };

  it("counts marks of files as they are now", () => {
    expect(progress(marks, files)).toEqual({ reviewed: 1, changed: 1 });
  });

  it.each([
    ["a", "c"],
    ["c", "d"],
    ["d", "a"],
    ["nowhere", "a"],
  ])("goes on after %s with %s", (from, to) => expect(nextToReview(marks, files, from)?.path).toBe(to));

  it("ends when everything is reviewed", () => {
    const all = files.reduce((before, one) => withMark(before, one, true), {});
    expect(nextToReview(all, files, "a")).toBeUndefined();
  });
});
