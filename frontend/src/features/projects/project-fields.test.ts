import { expect, it } from "vitest";
import { fieldsOf, keptFields, nameOf, projectOf } from "./project-fields";

it("makes a project of what was typed, empty fields as none", () => {
  const fields = { ...fieldsOf(null), name: " app ", repo: " r ", setup: "npm ci\n\n  npm test \n" };
  expect(projectOf(fields)).toEqual({
    name: "app",
    repo: "r",
    forge: null,
    base: null,
    agent: "claude",
    setup: ["npm ci", "npm test"],
  });
});

it("brings a project through the form unchanged", () => {
  const project = { name: "a", repo: "r", forge: "f", base: "main", agent: "x", setup: ["one", "two"] };
  expect(projectOf(fieldsOf(project))).toEqual(project);
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
