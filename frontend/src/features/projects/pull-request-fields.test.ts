import { expect, it } from "vitest";
import type { PullRequestPolicy } from "$/api/generated/proto";
import { project } from "../../../tests/builders";
import { fieldsOf, partOf, problemsOf, projectOf } from "./project-fields";
import { POLICY, policyOf, pullFieldsOf } from "./pull-request-fields";

const WHOLE: PullRequestPolicy = {
  template: "## {title}\n\n{summary}\n",
  draft: true,
  reviewers: ["alice", "bob"],
  labels: ["agent"],
  assignees: ["alice"],
  branch: "agents/{slug}-{id}",
  identity: { name: "Robo the Bot", email: "robo@example.org" },
  trailers: ["Co-authored-by: A <a@example.org>"],
  commits: "squash",
  push: { way: "fork", repo: "https://git.example.org/bot/app.git" },
  signing_key: "signing",
  hold: "by_forge",
  feedback: { mode: "automatic", turns: 5, from: ["alice"] },
  after: { delete_branch: "ended", close_issue: true },
};

it("brings a policy through the form unchanged", () => {
  expect(policyOf(pullFieldsOf(WHOLE))).toEqual(WHOLE);
  expect(policyOf(pullFieldsOf(POLICY))).toEqual(POLICY);
  const whole = project("a", { pull_requests: WHOLE });
  expect(projectOf(fieldsOf(whole), whole).pull_requests).toEqual(WHOLE);
});

it("says nothing of pull requests where nothing was and nothing is", () => {
  expect(projectOf(fieldsOf(null))).not.toHaveProperty("pull_requests");
  const fields = fieldsOf(null);
  fields.pulls.draft = true;
  expect(projectOf(fields).pull_requests).toEqual({ ...POLICY, draft: true });
});

it.each([
  [{ branch: "agents/{slug}" }, "pulls.branch"],
  [{ identity: "nobody" }, "pulls.identity"],
  [{ way: "fork" as const }, "pulls.fork"],
  [{ turns: "99" }, "pulls.turns"],
  [{ turns: "" }, "pulls.turns"],
  [{ trailers: "no trailer" }, "pulls.trailers"],
])("says what is wrong with %o, where it stands", (typed, place) => {
  const fields = fieldsOf(null);
  Object.assign(fields.pulls, typed);
  expect([...problemsOf(fields).keys()]).toEqual([place]);
  expect(partOf(place)).toBe("pulls");
});
