/** How the hub is logged in to a forge, in words. */
import type { ForgeSeen, NewForge, NewForgeLogin } from "$/api/generated/proto";
import { millis, span } from "$/parts/words";

/** `as alice, with a token`. */
export function accountWords({ access, account }: ForgeSeen): string {
  const who = account?.login ? `as ${account.login}` : "";
  return [who, byWords(access)].filter((part) => part !== "").join(", ");
}

function byWords({ by }: ForgeSeen["access"]): string {
  switch (by.kind) {
    case "nothing":
      return "not logged in";
    case "token":
      return "with a token";
    case "login":
      return "by a login";
    case "app":
      return `as the GitHub App ${by.app}, installation ${by.installation}`;
    case "unknown":
      return "";
  }
}

/** `ends in 40 min, and is renewed before`; none where it does not end. */
export function endWords({ access }: ForgeSeen, now: number): string | null {
  if (access.ends_at === undefined || access.ends_at === null) return null;
  const left = millis(access.ends_at) - now;
  const when = left <= 0 ? "has ended" : `ends in ${span(left)}`;
  return access.renewed ? `${when}, and is renewed before` : when;
}

/** What it may do against what it needs; null where the forge does not tell. */
export function scopeWords({ access, account }: ForgeSeen): { may: string; lacks: string[] } | null {
  const may = account?.scopes;
  if (!may) return null;
  return {
    may: may.join(", "),
    lacks: access.needs.filter((need) => access.by.kind !== "app" && !may.includes(need)),
  };
}

/** What a person typed about the way to a forge. */
export interface Way {
  authorities: string;
  proxy: string;
  /** A runner's name; empty: the hub dials the forge itself. */
  through: string;
}

/** Of an empty field nothing is said. */
export function wayOf({
  authorities,
  proxy,
  through,
}: Way): Pick<NewForge & NewForgeLogin, "authorities" | "proxy" | "through"> {
  return {
    ...(authorities.trim() === "" ? {} : { authorities }),
    ...(proxy.trim() === "" || through !== "" ? {} : { proxy: proxy.trim() }),
    ...(through === "" ? {} : { through }),
  };
}

/** How it is reached, where that is not simply by dialling it. */
export function wayWords({ authorities, proxy, through }: ForgeSeen): string {
  const by = through ? `the runner ${through}` : proxy;
  return [authorities ? "with a private CA" : "", by ? `through ${by}` : ""]
    .filter((part) => part !== "")
    .join(", ");
}

/** What each way to log in asks for. */
export type How = "login" | "token" | "app";
