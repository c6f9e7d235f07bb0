import { expect, it } from "vitest";
import { project as builtProject } from "../../../tests/builders";
import { DEMO_PROMPT, firstTaskPath } from "./first-task";

const project = (name: string, agent: string) => builtProject(name, { agent });

it("is on the demo project, whole and with the built-in agent", () => {
  const first = firstTaskPath([project("app", "claude"), project("demo", "scripted")]);
  const query = new URLSearchParams(first?.path.split("?")[1]);
  expect(first?.demo).toBe(true);
  expect(query.get("prompt")).toBe(DEMO_PROMPT);
  expect([query.get("project"), query.get("agent")]).toEqual(["demo", "scripted"]);
});

it("is on any project where the demo is not there, without words put into a mouth", () => {
  expect(firstTaskPath([project("app", "claude")])).toEqual({
    project: "app",
    demo: false,
    path: "new?project=app",
  });
  expect(firstTaskPath([])).toBeNull();
});
