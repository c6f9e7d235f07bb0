// A project as it stands in the form, and back.

import type { Project } from "$/api/generated/proto";

export interface ProjectFields {
  name: string;
  repo: string;
  /** Empty: none. */
  forge: string;
  base: string;
  agent: string;
  /** A step a line. */
  setup: string;
}

export function fieldsOf(project: Project | null): ProjectFields {
  return {
    name: project?.name ?? "",
    repo: project?.repo ?? "",
    forge: project?.forge ?? "",
    base: project?.base ?? "",
    agent: project?.agent ?? "claude",
    setup: project?.setup.join("\n") ?? "",
  };
}

export function projectOf(fields: ProjectFields): Project {
  return {
    name: fields.name.trim(),
    repo: fields.repo.trim(),
    forge: fields.forge || null,
    base: fields.base.trim() || null,
    agent: fields.agent,
    setup: fields.setup
      .split("\n")
      .map((step) => step.trim())
      .filter((step) => step !== ""),
  };
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

/** Fields kept from an earlier try, as far as they are fields. */
export function keptFields(kept: string, otherwise: ProjectFields): ProjectFields {
  try {
    const fields = JSON.parse(kept) as Record<string, unknown>;
    const text = (name: keyof ProjectFields) =>
      typeof fields[name] === "string" ? fields[name] : otherwise[name];
    return {
      name: text("name"),
      repo: text("repo"),
      forge: text("forge"),
      base: text("base"),
      agent: text("agent"),
      setup: text("setup"),
    };
  } catch {
    return otherwise;
  }
}
