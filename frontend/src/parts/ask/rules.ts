// What an answer to a permission can cover besides what is asked, from exactly
// this to every use of the tool. The hub checks that it covers what is asked.

import type { Ask, PermissionRule } from "$/api/generated/proto";

export type PermissionAsk = Extract<Ask, { kind: "permission" }>;

export interface Coverage {
  /** Unique among those of one ask. */
  value: string;
  label: string;
  /** The rule in words. */
  text: string;
  rule: Omit<PermissionRule, "decision">;
}

/** Names of commands whose first argument says what they do. */
const WITH_SUBCOMMANDS = new Set(
  "git cargo npm pnpm yarn npx go docker podman kubectl helm pip pip3 uv poetry make just apt apt-get dotnet gradle mvn bundle rails gh tea brew systemctl".split(
    " ",
  ),
);
const COMPOUND = /[;&|<>$`(){}\n]/;

/** From the narrowest to the widest; the first is what is taken unless one is chosen. */
export function coverages(ask: PermissionAsk): Coverage[] {
  const { tool } = ask;
  const [command, ...others] = ask.commands ?? [];
  const paths = ask.paths ?? [];
  const all: Coverage[] = [];
  const add = (value: string, label: string, rule: Coverage["rule"]) =>
    all.push({ value, label, text: ruleWords(rule), rule });
  if (command !== undefined && others.length === 0) {
    add("exact", "Exactly this command", { tool, command: literally(command) });
    const beginning = beginningOf(command);
    if (beginning !== null) {
      const rule = { tool, command: `${literally(beginning)} *` };
      add("beginning", `Commands beginning with “${beginning}”`, rule);
    }
  }
  const [path, ...more] = paths;
  if (path !== undefined && more.length === 0 && path !== ".") {
    add("file", "Only this file", { tool, path });
    const directory = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    if (directory !== "") {
      add("directory", "Files below this directory", { tool, path: `${directory}/**` });
    }
  }
  if (tool !== "") add("tool", `Every use of ${tool}`, { tool });
  return all;
}

/** A pattern that means exactly this: `*` stands for itself. */
export function literally(command: string): string {
  return command.trim().replaceAll("*", "\\*");
}

/** `cargo test --all` → `cargo test`; none where a line is not one plain command. */
export function beginningOf(command: string): string | null {
  if (COMPOUND.test(command)) return null;
  const words = command.trim().split(/\s+/);
  const [name, sub] = words;
  if (!name || name.includes("=") || name.includes('"') || name.includes("'")) return null;
  if (sub && WITH_SUBCOMMANDS.has(name) && /^[a-z][\w:-]*$/.test(sub)) return `${name} ${sub}`;
  return name;
}

/** A rule in a person's words. */
export function ruleWords({ tool, command, path }: Omit<PermissionRule, "decision">): string {
  const parts = [tool ?? "every tool"];
  if (command) parts.push(`running ${command}`);
  if (path) parts.push(`on ${path}`);
  return parts.join(" ");
}
