import { describe, expect, it } from "vitest";
import type { ChangedFile } from "$/api/generated/proto";
import { filtered, Tree } from "./tree";

function file(path: string, added = 1, removed = 0): ChangedFile {
  return { path, change: "modified", old: null, new: null, added, removed };
}

function said(files: ChangedFile[], closed: string[] = []): string[] {
  return new Tree(files).rows(new Set(closed)).map((node) => {
    const size = node.kind === "folder" ? ` ${node.size.files}+${node.size.added}-${node.size.removed}` : "";
    return `${"  ".repeat(node.depth)}${node.name}${size}`;
  });
}

describe("the tree of changed files", () => {
  const files = [
    file("README.md"),
    file("src/a/b/deep.rs", 5, 2),
    file("src/lib.rs"),
    file("docs/a/only.md"),
    file("src/a/b/x2.rs"),
    file("src/a/b/x10.rs"),
  ];

  it("has folders first, chains in one row, sums and natural order", () => {
    expect(said(files)).toEqual([
      "docs/a 1+1-0",
      "  only.md",
      "src 4+8-2",
      "  a/b 3+7-2",
      "    deep.rs",
      "    x2.rs",
      "    x10.rs",
      "  lib.rs",
      "README.md",
    ]);
  });

  it("leaves out what is below a closed folder, and counts it still", () => {
    expect(said(files, ["src"])).toEqual(["docs/a 1+1-0", "  only.md", "src 4+8-2", "README.md"]);
    expect(said(files, ["src/a/b"])).toContain("  a/b 3+7-2");
  });

  it("counts as nothing what cannot be counted", () => {
    expect(said([{ ...file("a/x.bin"), added: null, removed: null }, file("a/y")])[0]).toBe("a 2+1-0");
  });

  it("is made of ten thousand files in a blink", () => {
    const many = Array.from({ length: 10_000 }, (_, at) => file(`m${at % 100}/n${at % 10}/f${at}.ts`));
    expect(new Tree(many).rows(new Set()).length).toBe(10_000 + 100);
  });
});

describe("the filter of files", () => {
  const files = [
    file("src/main.rs"),
    file("src/main.test.ts"),
    { ...file("new/place.rs"), old_path: "old/spot.rs" },
  ];
  it.each([
    ["", 3],
    ["SRC", 2],
    ["src main.rs", 1],
    ["src !test", 1],
    ["spot", 1],
    ["nothing", 0],
  ])("%s", (filter, count) => expect(filtered(files, filter).length).toBe(count));
});
