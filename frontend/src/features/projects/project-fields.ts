// A project as it stands in the form, and back.

import type {
  ChildBounds,
  NetworkPolicy,
  NetworkPreset,
  PermissionDecision,
  PermissionRule,
  Problem,
  Project,
  SecretUse,
  WallLimits,
  WallsKind,
} from "$/api/generated/proto";
import { LIMIT_FIELDS } from "$/parts/walls/words";
import { actionProblem, actionsOf, textOf } from "./project-actions";
import { POLICY, policyOf, pullFieldsOf, pullProblems, type PullFields } from "./pull-request-fields";

export interface SecretFields {
  name: string;
  how: SecretUse["delivery"]["how"];
  variable: string;
  path: string;
  /** Permissions in octal; empty: the run's user alone. */
  mode: string;
}

/** A permission rule as typed; empty: it does not matter. */
export interface RuleFields {
  decision: PermissionDecision;
  tool: string;
  command: string;
  path: string;
}

export interface ProjectFields {
  name: string;
  repo: string;
  /** Empty: none. */
  forge: string;
  base: string;
  agent: string;
  /** Of tasks that name none; empty: none. */
  profile: string;
  remote_control: boolean;
  /** A step a line. */
  setup: string;
  /** Buttons of terminal and screen: `Name: command line`, one a line. */
  actions: string;
  /** Agent that looks at the work of its tasks; empty: nobody. */
  reviewer: string;
  reviewerModel: string;
  /** How often its findings go back at most. */
  reviewRounds: string;
  gate: NetworkPolicy["gate"];
  presets: NetworkPreset[];
  allow: string[];
  deny: string[];
  walls: WallsKind;
  /** As typed; empty: not set. */
  limits: Record<keyof WallLimits, string>;
  secrets: SecretFields[];
  /** As typed: how many tasks its agents may file; empty: none. */
  childTasks: string;
  /** How deep; empty: 1. */
  childDepth: string;
  /** In US dollars; empty: no bound of their own. */
  childBudget: string;
  rules: RuleFields[];
  pulls: PullFields;
}

/** What the hub gives a project that says nothing of its network. */
const NETWORK: NetworkPolicy = {
  gate: "enforce",
  presets: ["npm", "crates", "pypi", "debian", "go", "forge"],
  allow: [],
  deny: [],
};

/** The hub's own limits, so that a new project shows what it will get. */
const LIMITS: WallLimits = {
  memory_mb: 8192,
  pids: 4096,
  cpu_percent: null,
  disk_mb: 20_480,
  file_mb: 8192,
  tmp_mb: 1024,
  open_files: 65_536,
};

export function fieldsOf(project: Project | null): ProjectFields {
  const network = project?.network ?? NETWORK;
  const limits = project?.walls.limits ?? LIMITS;
  return {
    name: project?.name ?? "",
    repo: project?.repo ?? "",
    forge: project?.forge ?? "",
    base: project?.base ?? "",
    agent: project?.agent ?? "claude",
    profile: project?.profile ?? "",
    remote_control: project?.remote_control ?? false,
    setup: project?.setup.join("\n") ?? "",
    actions: textOf(project?.actions ?? []),
    reviewer: project?.review?.agent ?? "",
    reviewerModel: project?.review?.model ?? "",
    reviewRounds: String(project?.review?.rounds ?? 1),
    gate: network.gate,
    presets: [...network.presets],
    allow: [...network.allow],
    deny: [...network.deny],
    walls: project?.walls.kind ?? "auto",
    limits: Object.fromEntries(
      LIMIT_FIELDS.map(({ field }) => [field, limits[field]?.toString() ?? ""]),
    ) as ProjectFields["limits"],
    secrets: (project?.secrets ?? []).map(secretFields),
    childTasks: project?.children?.tasks ? String(project.children.tasks) : "",
    childDepth: project?.children?.depth ? String(project.children.depth) : "",
    childBudget: dollarsOf(project?.children?.budget_micros ?? null),
    rules: (project?.permissions.rules ?? []).map(({ decision, tool, command, path }) => ({
      decision,
      tool: tool ?? "",
      command: command ?? "",
      path: path ?? "",
    })),
    pulls: pullFieldsOf(project?.pull_requests),
  };
}

export function secretFields({ name, delivery }: SecretUse): SecretFields {
  return {
    name,
    how: delivery.how,
    variable: delivery.how === "environment" ? delivery.variable : "",
    path: delivery.how === "file" ? delivery.path : "",
    mode: delivery.how === "file" && typeof delivery.mode === "number" ? delivery.mode.toString(8) : "",
  };
}

/** The project that the form tells; what it does not speak of stays as in `before`. */
export function projectOf(fields: ProjectFields, before: Project | null = null): Project {
  const { gate, presets } = fields;
  return {
    ...before,
    permissions: { rules: fields.rules.filter(saysSomething).map(ruleOf) },
    name: fields.name.trim(),
    repo: fields.repo.trim(),
    forge: fields.forge || null,
    base: fields.base.trim() || null,
    agent: fields.agent,
    profile: fields.profile || null,
    remote_control: fields.remote_control,
    setup: linesOf(fields.setup),
    review: fields.reviewer
      ? {
          agent: fields.reviewer,
          model: fields.reviewerModel.trim() || null,
          rounds: Number(fields.reviewRounds),
        }
      : null,
    network: { gate, presets, allow: filled(fields.allow), deny: filled(fields.deny) },
    walls: {
      kind: fields.walls,
      limits: Object.fromEntries(
        LIMIT_FIELDS.map(({ field }) => [
          field,
          fields.limits[field].trim() ? Number(fields.limits[field]) : null,
        ]),
      ) as WallLimits,
    },
    secrets: fields.secrets.map(useOf),
    ...pullRequestsOf(fields, before),
    // Nothing is said of it where nothing was and nothing is.
    ...(fields.actions.trim() || before?.actions ? { actions: actionsOf(fields.actions) } : {}),
    ...(fields.childTasks.trim() || before?.children ? { children: childrenOf(fields) } : {}),
  };
}

/** Nothing where nothing was said of them, and nothing is. */
function pullRequestsOf({ pulls }: ProjectFields, before: Project | null): Pick<Project, "pull_requests"> {
  const policy = policyOf(pulls);
  const plain = JSON.stringify(policy) === JSON.stringify(POLICY);
  return plain && !before?.pull_requests ? {} : { pull_requests: policy };
}

function dollarsOf(micros: number | null): string {
  return micros === null ? "" : String(micros / 1_000_000);
}

function childrenOf({ childTasks, childDepth, childBudget }: ProjectFields): ChildBounds {
  const tasks = Number(childTasks.trim() || 0);
  return {
    tasks,
    depth: Number(childDepth.trim() || (tasks > 0 ? 1 : 0)),
    budget_micros: childBudget.trim() ? Math.round(Number(childBudget) * 1_000_000) : null,
  };
}

/** As many, and as deep, as the hub takes. */
const CHILDREN = { tasks: 100, depth: 5 } as const;

function childProblems({ childTasks, childDepth, childBudget }: ProjectFields): [string, string][] {
  const upTo = (text: string, most: number) =>
    text === "" || (/^\d{1,3}$/.test(text) && Number(text) <= most);
  const problems: [string, string][] = [];
  if (!upTo(childTasks.trim(), CHILDREN.tasks)) {
    problems.push(["children.tasks", `A whole number up to ${CHILDREN.tasks}, or nothing.`]);
  }
  if (!upTo(childDepth.trim(), CHILDREN.depth)) {
    problems.push(["children.depth", `A whole number up to ${CHILDREN.depth}, or nothing.`]);
  }
  const budget = childBudget.trim();
  if (budget !== "" && !(/^\d{1,6}(\.\d{1,6})?$/.test(budget) && Number(budget) >= 0.01)) {
    problems.push(["children.budget", "An amount of at least a cent, or nothing."]);
  }
  return problems;
}

function useOf({ name, how, variable, path, mode }: SecretFields): SecretUse {
  switch (how) {
    case "environment":
      return { name, delivery: { how, variable: variable.trim() } };
    case "file":
      return { name, delivery: { how, path: path.trim(), mode: mode.trim() ? parseInt(mode, 8) : null } };
    case "file_descriptor":
      return { name, delivery: { how } };
  }
}

function saysSomething({ tool, command, path }: RuleFields): boolean {
  return [tool, command, path].some((text) => text.trim() !== "");
}

function ruleOf({ decision, tool, command, path }: RuleFields): PermissionRule {
  return {
    decision,
    tool: tool.trim() || null,
    command: command.trim() || null,
    path: path.trim() || null,
  };
}

function linesOf(text: string): string[] {
  return filled(text.split("\n"));
}

function filled(lines: readonly string[]): string[] {
  return lines.map((line) => line.trim()).filter((line) => line !== "");
}

export type Part = "general" | "network" | "permissions" | "walls" | "secrets" | "pulls";

/** What keeps it from being saved, by where it stands: `limits.pids`, `secrets.0`. */
export function problemsOf(fields: ProjectFields): Map<string, string> {
  const problems = new Map<string, string>();
  for (const { field } of LIMIT_FIELDS) {
    const text = fields.limits[field].trim();
    if (text !== "" && !/^[1-9]\d{0,11}$/.test(text)) {
      problems.set(`limits.${field}`, "A whole number, or nothing.");
    }
  }
  for (const [place, problem] of childProblems(fields)) problems.set(place, problem);
  const wrongAction = actionProblem(fields.actions);
  if (wrongAction) problems.set("actions", wrongAction);
  for (const [place, problem] of pullProblems(fields.pulls)) problems.set(place, problem);
  fields.rules.forEach(({ path }, at) => {
    if (path.split("/").includes("..")) {
      problems.set(`rules.${at}`, "A path below the tree, or an absolute one: no `..`.");
    }
  });
  const names = new Set<string>();
  fields.secrets.forEach((secret, at) => {
    const problem = names.has(secret.name) ? "It is in the list already." : secretProblem(secret);
    if (problem) problems.set(`secrets.${at}`, problem);
    names.add(secret.name);
  });
  return problems;
}

function secretProblem({ name, how, variable, path, mode }: SecretFields): string | null {
  if (name === "") return "Choose a secret.";
  if (how === "environment" && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable.trim())) {
    return "A variable has letters, digits and `_`, and does not begin with a digit.";
  }
  if (how !== "file") return null;
  const parts = path.trim().split("/");
  if (path.trim() === "" || parts.some((part) => part === "" || part === "." || part === "..")) {
    return "A path below the run's directory of secrets: no leading `/`, no `..`.";
  }
  return /^(0?[0-7]{3})?$/.test(mode.trim()) ? null : "Permissions are three octal digits, such as 400.";
}

/** Part of the form that a problem's place is in. */
export function partOf(place: string): Part {
  if (place.startsWith("limits.")) return "walls";
  if (place.startsWith("secrets.")) return "secrets";
  if (place.startsWith("rules.")) return "permissions";
  if (place.startsWith("pulls.")) return "pulls";
  return place.startsWith("allow.") || place.startsWith("deny.") ? "network" : "general";
}

/** The rule or secret that the hub names in what it says: where it stands in the form. */
export function placeOf(fields: ProjectFields, problem: Pick<Problem, "message">): string | null {
  for (const list of ["allow", "deny"] as const) {
    const at = fields[list].findIndex(
      (rule) => rule.trim() && problem.message.includes(`\`${rule.trim()}\``),
    );
    if (at >= 0) return `${list}.${at}`;
  }
  const at = fields.secrets.findIndex(({ name }) => name && problem.message.includes(`\`${name}\``));
  return at >= 0 ? `secrets.${at}` : null;
}

/** A name for the project: the last part of the repository's address. */
export function nameOf(repo: string): string {
  const last =
    repo
      .trim()
      .replace(/[/\\]+$/, "")
      .split(/[/:\\]/)
      .at(-1) ?? "";
  return last
    .replace(/\.git$/, "")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-");
}

const TYPED = [
  "name",
  "repo",
  "forge",
  "base",
  "agent",
  "setup",
  "actions",
  "reviewer",
  "reviewerModel",
  "reviewRounds",
] as const;

/**
 * Fields kept from an earlier try, as far as they are fields. What opens a
 * project's walls or gate is not: that is said anew each time.
 */
export function keptFields(kept: string, otherwise: ProjectFields): ProjectFields {
  try {
    const fields = JSON.parse(kept) as Record<string, unknown>;
    const result = { ...otherwise };
    for (const name of TYPED) if (typeof fields[name] === "string") result[name] = fields[name];
    for (const list of ["allow", "deny"] as const) {
      const rules = fields[list];
      if (Array.isArray(rules))
        result[list] = rules.filter((rule): rule is string => typeof rule === "string");
    }
    return result;
  } catch {
    return otherwise;
  }
}
