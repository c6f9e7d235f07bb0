import { describe, expect, it } from "vitest";
import { extend, has, readRange, stamp, writeRange } from "./lines";

describe("lines in an address", () => {
  it.each([
    ["120", { first: 119, last: 119 }],
    ["120-140", { first: 119, last: 139 }],
    ["140–120", { first: 119, last: 139 }],
    ["L12-L14", { first: 11, last: 13 }],
    [" 1,200,000 ", { first: 1_199_999, last: 1_199_999 }],
    ["0", null],
    ["", null],
    [null, null],
    ["12-x", null],
    ["99999999999999999999", null],
  ])("%s", (text, range) => expect(readRange(text)).toEqual(range));

  it("are written as they are read", () => {
    for (const text of ["7", "7-9"]) expect(writeRange(readRange(text) ?? extend(0, 0))).toBe(text);
  });

  it("are in a range or not", () => {
    const range = extend(9, 4);
    expect([3, 4, 9, 10].map((line) => has(range, line))).toEqual([false, true, true, false]);
    expect(has(null, 0)).toBe(false);
  });
});

describe("the time of a line", () => {
  it.each([
    [1_500_000, "+1.5s"],
    [61_000_000, "+1m01s"],
    [7_380_000_000, "+2h03m"],
    [-5, "+0.0s"],
  ])("%i microseconds after the start", (at, text) => expect(stamp(1e15 + at, "relative", 1e15)).toBe(text));

  it("is told to the millisecond on the clock", () => {
    expect(stamp(1_700_000_000_123_456, "absolute", 0)).toMatch(/^\d\d:\d\d:20\.123$/);
  });
});
