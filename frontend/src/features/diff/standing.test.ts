import { expect, it } from "vitest";
import type { Row } from "./rows";
import { landmarks, movedBy, type Standing } from "./standing";

const rows = (...texts: string[]): [number, Row][] =>
  texts.map((text, at) => [at, { row: "same", old: at + 1, new: at + 1, text }]);

function standing(from: number, ...texts: string[]): Standing {
  return { row: from, within: 3, across: 0, lines: landmarks(rows(...texts).slice(from)) };
}

const MOVES: [what: string, by: number, before: Standing, now: string[]][] = [
  ["nothing", 0, standing(1, "one", "two", "three"), ["one", "two", "three"]],
  ["lines above", 2, standing(1, "one", "two", "three"), ["new", "new", "one", "two", "three"]],
  ["lines gone above", -1, standing(2, "one", "two", "three"), ["two", "three"]],
  ["the line at the top being gone", 1, standing(1, "one", "two", "three"), ["x", "y", "one", "three"]],
  [
    "a line that is there twice, to the nearer",
    1,
    standing(3, "a", "b", "c", "x"),
    ["x", "b", "c", "d", "x"],
  ],
  ["brackets being everywhere", 1, standing(1, "one", "}", "two"), ["}", "one", "}", "two"]],
  ["none of it being there", 0, standing(1, "one", "two"), ["other"]],
];

it.each(MOVES)("finds the place again after %s", (_, by, before, now) => {
  expect(movedBy(before, rows(...now))).toBe(by);
});
