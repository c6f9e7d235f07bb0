import { expect, it } from "vitest";
import { linkFromWindow } from "./link";

it.each([
  ["https://home.lan:8443", "tasks/1/log?line=3", "https://home.lan:8443/tasks/1/log?line=3"],
  ["https://home.lan/pilot/", "tasks/1", "https://home.lan/pilot/tasks/1"],
  ["", "tasks/1/log?line=3", "pilothouse://task/1/log"],
  ["", "tasks/1", "pilothouse://task/1"],
])("a page of the hub at '%s': %s", (url, path, expected) => {
  expect(linkFromWindow({ url }, path)).toBe(expected);
});
