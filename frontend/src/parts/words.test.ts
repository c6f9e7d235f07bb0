import { expect, it } from "vitest";
import { bytes, count, countdown, money, plural, span } from "./words";

it("says spans in one unit", () => {
  expect([-5, 4_200, 61_000, 3_700_000, 200_000_000].map(span)).toEqual([
    "0 s",
    "4 s",
    "1 min",
    "1 h",
    "2 d",
  ]);
});

it("counts down to the second, and never below zero", () => {
  expect([-1, 400, 42_000, 725_000, 3_723_000].map(countdown)).toEqual([
    "0:00",
    "0:01",
    "0:42",
    "12:05",
    "1:02:03",
  ]);
});

it("shortens large numbers", () => {
  expect([7, 9_999, 12_345, 250_000, 1_500_000].map(count)).toEqual([
    "7",
    "9,999",
    "12.3 k",
    "250 k",
    "1.5 M",
  ]);
  expect([12, 3_100, 8_589_934_592].map(bytes)).toEqual(["12 B", "3.1 kB", "8.6 GB"]);
});

it("says money as it is known", () => {
  expect([null, 0, 900, 420_000, 12_345_678].map(money)).toEqual([
    null,
    "$0.00",
    "< $0.01",
    "$0.42",
    "$12.35",
  ]);
});

it("knows one from many", () => {
  expect([plural(1, "file"), plural(2, "file"), plural(0, "repository", "repositories")]).toEqual([
    "1 file",
    "2 files",
    "0 repositories",
  ]);
});
