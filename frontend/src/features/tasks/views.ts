// Views: filters with a name. Some are built in, the others are a person's own
// and shared by their consoles.

import type { JsonValue } from "$/api/generated/proto";

export interface View {
  name: string;
  /** A query, as `filterQuery` writes it, and perhaps `sort`. */
  query: string;
}

export const BUILT_IN: readonly View[] = [
  { name: "All", query: "" },
  { name: "Needs me", query: "state=needs_me" },
  { name: "Running", query: "state=at_work" },
  { name: "Ready", query: "state=ready" },
  { name: "Failed", query: "state=failed" },
  { name: "Filed today", query: "filed=today" },
];

/** At most so many of a person's own; the preference has a bound in bytes. */
export const MOST_VIEWS = 50;
const LONGEST_NAME = 60;

/** What the hub keeps may be of another build, or of another hand. */
export function readViews(kept: JsonValue): View[] {
  if (!Array.isArray(kept)) return [];
  return kept.flatMap((entry) => {
    if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return [];
    const { name, query } = entry;
    return typeof name === "string" && typeof query === "string" && name ? [{ name, query }] : [];
  });
}

/** Why a view cannot have this name; none if it can. */
export function nameProblem(name: string, views: readonly View[]): string | null {
  const trimmed = name.trim();
  if (trimmed === "") return "A view needs a name.";
  if (trimmed.length > LONGEST_NAME) return `A name has at most ${LONGEST_NAME} characters.`;
  const taken = (view: View) => view.name.toLowerCase() === trimmed.toLowerCase();
  if (BUILT_IN.some(taken)) return "A built-in view has this name.";
  if (views.some(taken)) return "You have a view of this name.";
  if (views.length >= MOST_VIEWS) return `There are ${MOST_VIEWS} views already; remove one first.`;
  return null;
}
