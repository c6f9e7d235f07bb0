/** The kinds of forge, as people call them, and the token each needs. */
import type { ForgeKind } from "$/api/generated/proto";

const OF_GITEA =
  "Made in the forge under Settings, Applications. It needs to read and write repositories, issues and pull requests, and to read its user. It is tried before it is kept.";

export const FORGE_KINDS: Record<ForgeKind, { label: string; token: string }> = {
  gitea: { label: "Gitea", token: OF_GITEA },
  forgejo: { label: "Forgejo", token: OF_GITEA },
  github: {
    label: "GitHub",
    token:
      "A classic token with the scope repo, or a fine-grained one that may write contents, issues and pull requests and read checks and actions. It is tried before it is kept.",
  },
  gitlab: {
    label: "GitLab",
    token: "A personal, group or project token with the scope api. It is tried before it is kept.",
  },
};

export const FORGE_OPTIONS = (Object.keys(FORGE_KINDS) as ForgeKind[]).map((value) => ({
  value,
  label: FORGE_KINDS[value].label,
}));
