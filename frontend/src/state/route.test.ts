// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it } from "vitest";
import { route } from "./route.svelte";

beforeEach(() => {
  history.replaceState(null, "", "/below/");
  route.start("/below/");
});

let off: (() => void) | null = null;
afterEach(() => off?.());

it("reads the path below its base, decoded", () => {
  route.go("tasks/a%2Fb/log?line=3");
  expect(location.pathname).toBe("/below/tasks/a%2Fb/log");
  expect(route.place.path).toEqual(["tasks", "a/b", "log"]);
  expect(route.place.query.get("line")).toBe("3");
});

it("takes a path with and without its first slash", () => {
  expect(route.href("/tasks")).toBe(route.href("tasks"));
  expect(route.href("")).toBe("/below/");
});

it("changes the query and keeps the rest of it", () => {
  route.go("tasks?state=ready&q=x");
  route.query({ q: null, project: "a&b" });
  expect([...route.place.query]).toEqual([
    ["state", "ready"],
    ["project", "a&b"],
  ]);
  expect(route.place.path).toEqual(["tasks"]);
});

it("stays where a guard says so", () => {
  route.go("tasks");
  off = route.guard(() => false);
  route.go("settings");
  expect(route.place.path).toEqual(["tasks"]);
});

it("is not put off by a path that is no proper text", () => {
  history.pushState(null, "", "/below/tasks/%E0%A4%A");
  window.dispatchEvent(new PopStateEvent("popstate"));
  expect(route.place.path).toEqual(["tasks", "%E0%A4%A"]);
});
