import { expect, it } from "vitest";
import { project } from "../../../tests/builders";
import { fieldsOf, keptFields, nameOf, placeOf, problemsOf, projectOf } from "./project-fields";

it("makes a project of what was typed, empty fields as none", () => {
  const fields = { ...fieldsOf(null), name: " app ", repo: " r ", setup: "npm ci\n\n  npm test \n" };
  expect(projectOf(fields)).toMatchObject({
    name: "app",
    repo: "r",
    forge: null,
    base: null,
    agent: "claude",
    setup: ["npm ci", "npm test"],
  });
});

it("brings a project through the form unchanged", () => {
  const whole = project("a", {
    forge: "f",
    agent: "x",
    setup: ["one", "two"],
    review: { agent: "y", model: "m", rounds: 3 },
    network: { gate: "learn", presets: ["npm"], allow: ["*.example.org:8443"], deny: ["evil.example"] },
    secrets: [
      { name: "NPM", delivery: { how: "environment", variable: "NPM_TOKEN" } },
      { name: "rc", delivery: { how: "file", path: "netrc", mode: 0o400 } },
      { name: "fd", delivery: { how: "file_descriptor" } },
    ],
  });
  expect(projectOf(fieldsOf(whole))).toEqual(whole);
});

it.each([
  ["https://git.example.org/team/My App.git", "my-app"],
  ["git@example.org:team/app.git", "app"],
  ["/srv/git/app/", "app"],
  ["", ""],
])("names the project of %s %s", (repo, name) => {
  expect(nameOf(repo)).toBe(name);
});

it("takes kept fields as far as they are text, and nothing else", () => {
  const otherwise = fieldsOf(null);
  expect(keptFields('{"name":"x","agent":7}', otherwise)).toEqual({ ...otherwise, name: "x" });
  expect(keptFields("no JSON", otherwise)).toEqual(otherwise);
  expect(keptFields("null", otherwise)).toEqual(otherwise);
});

it("does not open walls or a gate by what was kept from an earlier try", () => {
  const otherwise = fieldsOf(null);
  const kept = JSON.stringify({ ...otherwise, gate: "off", walls: "off", allow: ["a.example", 7] });
  expect(keptFields(kept, otherwise)).toEqual({ ...otherwise, allow: ["a.example"] });
});

it("finds the very rule, or secret, that the hub speaks of", () => {
  const fields = { ...fieldsOf(null), allow: ["good.example", "ex*mple.org"], deny: ["x.example"] };
  const said = (rule: string) => ({ message: `the network rule \`${rule}\` has a \`*\` inside` });
  expect(placeOf(fields, said("ex*mple.org"))).toBe("allow.1");
  expect(placeOf(fields, said("x.example"))).toBe("deny.0");
  expect(placeOf(fields, said("other"))).toBeNull();
});

it("says what is wrong with limits and secrets, where it stands", () => {
  const fields = fieldsOf(null);
  fields.limits.pids = "many";
  fields.limits.memory_mb = "";
  const secret = { name: "a", how: "environment" as const, variable: "9X", path: "", mode: "" };
  fields.secrets = [
    secret,
    { ...secret, name: "b", how: "file", path: "../x" },
    { ...secret, name: "c", how: "file", path: "x", mode: "999" },
    { ...secret, name: "d", how: "file_descriptor" },
  ];
  expect([...problemsOf(fields).keys()]).toEqual(["limits.pids", "secrets.0", "secrets.1", "secrets.2"]);
});

it("brings what agents may file through the form, and says nothing of it where nothing is", () => {
  const bounds = { tasks: 5, depth: 2, budget_micros: 2_500_000 };
  const whole = project("a", { children: bounds });
  expect(projectOf(fieldsOf(whole), whole).children).toEqual(bounds);
  expect(projectOf({ ...fieldsOf(whole), childTasks: "" }, whole).children).toMatchObject({ tasks: 0 });
  expect(projectOf({ ...fieldsOf(null), childTasks: "3" }).children).toEqual({
    tasks: 3,
    depth: 1,
    budget_micros: null,
  });
  expect(projectOf(fieldsOf(null)).children).toBeUndefined();
  const wrong = { ...fieldsOf(null), childTasks: "101", childDepth: "x", childBudget: "0" };
  expect([...problemsOf(wrong).keys()]).toEqual(["children.tasks", "children.depth", "children.budget"]);
});

it("named actions are lines of a name and a command line, and what is none is said", () => {
  const actions = [
    { name: "Serve", run: "npm run dev -- --host ::1" },
    { name: "Test", run: "npm test" },
  ];
  const whole = project("a", { actions });
  expect(fieldsOf(whole).actions).toBe("Serve: npm run dev -- --host ::1\nTest: npm test");
  expect(projectOf(fieldsOf(whole), whole).actions).toEqual(actions);
  expect(projectOf({ ...fieldsOf(whole), actions: "" }, whole).actions).toEqual([]);
  expect(projectOf(fieldsOf(null)).actions).toBeUndefined();
  for (const actions of ["no colon", ": ls", "Name:", "A: ls\nA: ls", `${"n".repeat(41)}: ls`]) {
    expect([...problemsOf({ ...fieldsOf(null), actions }).keys()]).toEqual(["actions"]);
  }
});
