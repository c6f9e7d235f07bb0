// A project's policy for its pull requests as it stands in the form, and back.

import type { PullRequestPolicy } from "$/api/generated/proto";

export interface PullFields {
  /** Empty: the product's own. */
  template: string;
  draft: boolean;
  /** Names, separated by commas. */
  reviewers: string;
  labels: string;
  assignees: string;
  /** Empty: the product's own. */
  branch: string;
  /** `Name <name@example.org>`; empty: the product. */
  identity: string;
  /** A trailer a line. */
  trailers: string;
  commits: PullRequestPolicy["commits"];
  way: PullRequestPolicy["push"]["way"];
  /** Clone URL, for a fork. */
  fork: string;
  /** Name of a secret; empty: none. */
  signingKey: string;
  hold: PullRequestPolicy["hold"];
  feedback: PullRequestPolicy["feedback"]["mode"];
  turns: string;
  /** Names, separated by commas; empty: everybody's words. */
  from: string;
  deleteBranch: PullRequestPolicy["after"]["delete_branch"];
  closeIssue: boolean;
}

/** What the hub gives a project that says nothing of it. */
export const POLICY: PullRequestPolicy = {
  template: null,
  draft: false,
  reviewers: [],
  labels: [],
  assignees: [],
  branch: null,
  identity: null,
  trailers: [],
  commits: "keep",
  push: { way: "branch" },
  signing_key: null,
  hold: "none",
  feedback: { mode: "ask", turns: 3, from: [] },
  after: { delete_branch: "merged", close_issue: false },
};

/** As many as the hub takes. */
const MOST_TURNS = 20;

export function pullFieldsOf(policy: PullRequestPolicy = POLICY): PullFields {
  const { identity, push, feedback, after } = policy;
  return {
    template: policy.template ?? "",
    draft: policy.draft,
    reviewers: policy.reviewers.join(", "),
    labels: policy.labels.join(", "),
    assignees: policy.assignees.join(", "),
    branch: policy.branch ?? "",
    identity: identity ? `${identity.name} <${identity.email}>` : "",
    trailers: policy.trailers.join("\n"),
    commits: policy.commits,
    way: push.way,
    fork: push.way === "fork" ? push.repo : "",
    signingKey: policy.signing_key ?? "",
    hold: policy.hold,
    feedback: feedback.mode,
    turns: String(feedback.turns),
    from: feedback.from.join(", "),
    deleteBranch: after.delete_branch,
    closeIssue: after.close_issue,
  };
}

export function policyOf(fields: PullFields): PullRequestPolicy {
  const identity = IDENTITY.exec(fields.identity.trim());
  return {
    template: fields.template.trim() === "" ? null : fields.template,
    draft: fields.draft,
    reviewers: words(fields.reviewers, ","),
    labels: words(fields.labels, ","),
    assignees: words(fields.assignees, ","),
    branch: fields.branch.trim() || null,
    identity: identity ? { name: identity[1] ?? "", email: identity[2] ?? "" } : null,
    trailers: words(fields.trailers, "\n"),
    commits: fields.commits,
    push: fields.way === "fork" ? { way: "fork", repo: fields.fork.trim() } : { way: fields.way },
    signing_key: fields.signingKey || null,
    hold: fields.hold,
    feedback: { mode: fields.feedback, turns: Number(fields.turns), from: words(fields.from, ",") },
    after: { delete_branch: fields.deleteBranch, close_issue: fields.closeIssue },
  };
}

const IDENTITY = /^([^<>]*[^<>\s])\s*<([^<>@\s]+@[^<>\s]+)>$/;

function words(text: string, between: string): string[] {
  return text
    .split(between)
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

/** What keeps it from being saved, by where it stands: `pulls.branch`. */
export function pullProblems(fields: PullFields): [string, string][] {
  const problems: [string, string][] = [];
  if (fields.branch.trim() !== "" && !fields.branch.includes("{id}")) {
    problems.push(["pulls.branch", "It needs `{id}`, so that no two tasks share a branch."]);
  }
  if (fields.identity.trim() !== "" && !IDENTITY.test(fields.identity.trim())) {
    problems.push(["pulls.identity", "Say it as `Name <name@example.org>`."]);
  }
  if (fields.way === "fork" && fields.fork.trim() === "") {
    problems.push(["pulls.fork", "Say where the fork is."]);
  }
  if (!/^\d{1,2}$/.test(fields.turns.trim()) || Number(fields.turns) > MOST_TURNS) {
    problems.push(["pulls.turns", `A whole number up to ${MOST_TURNS}.`]);
  }
  if (words(fields.trailers, "\n").some((trailer) => !/^[A-Za-z0-9-]+: ./.test(trailer))) {
    problems.push(["pulls.trailers", "Each line is `Name: value`."]);
  }
  return problems;
}
