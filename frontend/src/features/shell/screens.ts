// Which screen a path names.

export type ScreenId =
  "inbox" | "tasks" | "task" | "compare" | "new" | "runners" | "projects" | "credentials" | "settings";

/** With how many parts a path may go on below its first. */
const DEPTHS: Record<string, [least: number, most: number]> = {
  compare: [1, 1],
  new: [0, 1],
  runners: [0, 0],
  projects: [0, 0],
  credentials: [0, 0],
  settings: [0, 0],
};

/** Ways to more than one new task. */
const WAYS: ReadonlySet<string> = new Set(["many", "issues"]);

/** None for a path that names no screen. */
export function screenOf(path: readonly string[]): ScreenId | null {
  const [first, second] = path;
  if (first === undefined) return "inbox";
  if (first === "tasks") return second === undefined ? "tasks" : path.length <= 3 ? "task" : null;
  const depths = Object.hasOwn(DEPTHS, first) ? DEPTHS[first] : undefined;
  if (!depths) return null;
  const [least, most] = depths;
  const below = path.length - 1;
  if (below < least || below > most || (first === "new" && below === 1 && !WAYS.has(second ?? "")))
    return null;
  return first as ScreenId;
}
