import { describe, expect, it } from "vitest";
import { BLOCK, changeFrom, Layout, type Shape } from "./layout";

function layout(shape: Partial<Shape>): Layout {
  return new Layout({ total: 100, changes: [], context: 5, opened: [], unified: false, ...shape });
}

/** `0-4 [5+10] 15` */
function said(made: Layout): string {
  const parts: string[] = [];
  for (let index = 0; index < made.count; index += 1) {
    const item = made.item(index);
    if (item?.kind === "row") parts.push(`${item.row}`);
    else if (item) parts.push(`${item.kind === "fold" ? "fold" : "block"}${item.first}+${item.count}`);
  }
  return parts.join(" ");
}

describe("what is shown of a file", () => {
  it("folds what is far from every change, and nothing at the ends but what is far", () => {
    expect(said(layout({ total: 30, changes: [[14, 16]], context: 2 }))).toBe(
      "fold0+12 12 13 14 15 16 17 fold18+12",
    );
    expect(said(layout({ total: 8, changes: [[3, 4]], context: 5 }))).toBe("0 1 2 3 4 5 6 7");
  });

  it("never folds one row", () => {
    expect(
      said(
        layout({
          total: 9,
          changes: [
            [0, 2],
            [7, 9],
          ],
          context: 2,
        }),
      ),
    ).toBe("0 1 2 3 4 5 6 7 8");
    expect(
      said(
        layout({
          total: 10,
          changes: [
            [0, 2],
            [8, 10],
          ],
          context: 2,
        }),
      ),
    ).toBe("0 1 2 3 fold4+2 6 7 8 9");
  });

  it("shows everything without a context, and folds a file without a change", () => {
    expect(layout({ total: 400_000, changes: [[7, 9]], context: null }).count).toBe(400_000);
    expect(said(layout({ total: 50 }))).toBe("fold0+50");
  });

  it("shows what was opened by hand, from either end or all", () => {
    const fold = { kind: "fold", first: 10, count: 60 } as const;
    expect(Layout.opening(fold, "top", 20)).toEqual([10, 30]);
    expect(Layout.opening(fold, "bottom", 20)).toEqual([50, 70]);
    expect(Layout.opening(fold, "all")).toEqual([10, 70]);
    const opened: [number, number][] = [
      [90, 95],
      [0, 2],
      [1, 3],
    ];
    expect(said(layout({ changes: [[50, 51]], context: 1, opened }))).toBe(
      "0 1 2 fold3+46 49 50 51 fold52+38 90 91 92 93 94 fold95+5",
    );
  });

  it("puts old above new in blocks of a bounded size", () => {
    expect(said(layout({ total: 50, changes: [[5, 45]], unified: true }))).toBe(
      `0 1 2 3 4 block5+${BLOCK} block${5 + BLOCK}+8 45 46 47 48 49`,
    );
    const made = layout({ total: 50, changes: [[5, 45]], unified: true });
    expect([...made.estimates(20)]).toEqual([
      [5, 960],
      [6, 240],
    ]);
  });

  it("finds the item of every row", () => {
    const changes: [number, number][] = [
      [3, 5],
      [40, 90],
    ];
    for (const unified of [false, true]) {
      const made = layout({ changes, unified, opened: [[10, 12]] });
      for (let row = 0; row < 100; row += 1) {
        const item = made.item(made.indexOf(row));
        const [first, count] = item?.kind === "row" ? [item.row, 1] : [item?.first ?? -1, item?.count ?? 0];
        expect(row >= first && row < first + count, `row ${row}`).toBe(true);
      }
    }
  });

  it("copes with a file of no rows and with places that are not there", () => {
    const none = layout({ total: 0 });
    expect([none.count, none.item(0), none.indexOf(5)]).toEqual([0, undefined, 0]);
    expect(layout({}).item(-1)).toBeUndefined();
  });
});

describe("jumping between changes", () => {
  const changes: [number, number][] = [
    [3, 5],
    [40, 90],
  ];
  it.each([
    [0, 1, 3],
    [3, 1, 40],
    [40, 1, null],
    [99, -1, 40],
    [40, -1, 3],
    [50, -1, 40],
    [3, -1, null],
  ] as const)("from row %i in direction %i leads to %o", (row, direction, expected) => {
    expect(changeFrom(changes, row, direction)).toBe(expected);
  });
});
