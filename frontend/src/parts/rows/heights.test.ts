import { describe, expect, it } from "vitest";
import { Heights } from "./heights";

describe("heights of rows", () => {
  it("are the usual ones until measured", () => {
    const heights = new Heights(10_000_000, 18);
    expect(heights.total).toBe(180_000_000);
    expect(heights.at(90_000_000)).toBe(5_000_000);
    expect(heights.offset(5_000_000)).toBe(90_000_000);
  });

  it("move every later row when one is measured", () => {
    const heights = new Heights(5000, 10);
    expect(heights.set(3, 30)).toBe(true);
    expect(heights.set(2000, 25)).toBe(true);
    expect(heights.set(2000, 25)).toBe(false);
    expect([3, 4, 1500, 2000, 2001, 5000].map((row) => heights.offset(row))).toEqual([
      30, 60, 15_020, 20_020, 20_045, 50_035,
    ]);
  });

  it("find the row at every position of every row", () => {
    const heights = new Heights(3000, 7);
    for (let row = 0; row < 3000; row += 13) heights.set(row, 7 + (row % 50));
    for (let row = 0; row < 3000; row += 1) {
      expect(heights.at(heights.offset(row))).toBe(row);
      expect(heights.at(heights.offset(row) + heights.height(row) - 0.5)).toBe(row);
    }
  });

  it("keep what was measured while rows are added, and forget rows that went", () => {
    const heights = new Heights(10, 10);
    heights.set(5, 50);
    heights.resize(100_000);
    expect(heights.total).toBe(1_000_040);
    heights.resize(5);
    heights.resize(10);
    expect(heights.total).toBe(100);
  });

  it("stay within the rows for positions beyond them", () => {
    const heights = new Heights(3, 10);
    expect([heights.at(-5), heights.at(1e9), new Heights(0, 10).at(50)]).toEqual([0, 2, 0]);
  });
});
