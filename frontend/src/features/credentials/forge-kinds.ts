/** The kinds of forge, as people call them, and what each needs to be logged in to. */
import type { ForgeKind } from "$/api/generated/proto";

const OF_GITEA =
  "Made in the forge under Settings, Applications. It needs to read and write repositories, issues and pull requests, and to read its user. It is tried before it is kept.";

const APPLICATION_OF_GITEA =
  "Of an application that is registered in the forge under Settings, Applications: a public client, with the redirect http://127.0.0.1/callback.";

export const FORGE_KINDS: Record<ForgeKind, { label: string; token: string; application: string }> = {
  gitea: { label: "Gitea", token: OF_GITEA, application: APPLICATION_OF_GITEA },
  forgejo: { label: "Forgejo", token: OF_GITEA, application: APPLICATION_OF_GITEA },
  github: {
    label: "GitHub",
    token:
      "A classic token with the scope repo, or a fine-grained one that may write contents, issues and pull requests and read checks and actions. It is tried before it is kept.",
    application:
      "Of an OAuth app of yours with its device flow enabled. You type in a code on a page of GitHub.",
  },
  gitlab: {
    label: "GitLab",
    token: "A personal, group or project token with the scope api. It is tried before it is kept.",
    application:
      "Of an application with the scope api that is not confidential, with the redirect http://127.0.0.1/callback.",
  },
};

export const FORGE_OPTIONS = (Object.keys(FORGE_KINDS) as ForgeKind[]).map((value) => ({
  value,
  label: FORGE_KINDS[value].label,
}));
