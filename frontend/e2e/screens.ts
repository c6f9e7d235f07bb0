// Every screen of the product, by name: where it is, and how it is come by.

import type { Task } from "../src/api/generated/proto";
import type { Browser } from "./browser";

export interface Screen {
  name: string;
  path: string;
  /** Shown when this can be read. */
  says: RegExp;
  then?: (browser: Browser) => Promise<void>;
}

export function screens(tasks: Map<string, Task>): Screen[] {
  const of = (name: string): string => `/tasks/${tasks.get(name)?.id ?? ""}`;
  const group = tasks.get("best-1")?.group ?? "";
  return [
    { name: "inbox", path: "/", says: /date library/i },
    { name: "tasks", path: "/tasks", says: /typo in the footer/i },
    { name: "new-task", path: "/new?project=site", says: /what is to be done/i },
    { name: "paste-many", path: "/new/many", says: /paste/i },
    { name: "conversation", path: of("best-1"), says: /money has a module/i },
    { name: "log", path: `${of("working")}/log`, says: /line \d+/ },
    {
      name: "changes",
      path: `${of("best-1")}/diff?file=${encodeURIComponent("src/price.ts")}`,
      says: /reduce/i,
    },
    { name: "timeline", path: `${of("best-1")}/timeline`, says: /now/i },
    {
      name: "network",
      path: `${of("refused")}/network`,
      says: /registry\.made-up\.example/,
    },
    { name: "model-calls", path: `${of("refused")}/network?of=models`, says: /no calls to models/i },
    {
      name: "files",
      path: `${of("best-1")}/files`,
      says: /PILOTHOUSE_ARTIFACTS|artifact|file/i,
    },
    { name: "compare", path: `/compare/${group}`, says: /keep/i },
    { name: "runners", path: "/runners", says: /scripted/i },
    { name: "projects", path: "/projects", says: /site/i },
    { name: "project-network", path: "/projects?edit=site&part=network", says: /allowed besides/i },
    { name: "project-walls", path: "/projects?edit=site&part=walls", says: /limits of a run/i },
    { name: "project-secrets", path: "/projects?edit=site&part=secrets", says: /NPM_TOKEN/ },
    { name: "triggers", path: "/projects?starts=site", says: /label/i },
    { name: "schedules", path: "/projects?starts=site&part=schedules", says: /nightly/ },
    { name: "from-issues", path: "/new/issues?project=site", says: /typo/i },
    { name: "credentials", path: "/credentials", says: /NPM_TOKEN/ },
    { name: "new-secret", path: "/credentials?add=secret", says: /never shown again/i },
    { name: "prices", path: "/credentials?show=prices", says: /model prices/i },
    {
      name: "refused",
      path: `/?item=network:${tasks.get("refused")?.run ?? ""}`,
      says: /2 hosts were refused/i,
    },
    { name: "no-walls", path: "/tasks?project=lab", says: /no walls/i },
    { name: "settings", path: "/settings", says: /theme|appearance/i },
  ];
}
