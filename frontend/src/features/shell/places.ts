// Where one can go: the navigation, the go-keys and the palette read this.

import Cable from "@lucide/svelte/icons/cable";
import FolderGit2 from "@lucide/svelte/icons/folder-git-2";
import Inbox from "@lucide/svelte/icons/inbox";
import KeyRound from "@lucide/svelte/icons/key-round";
import ListTodo from "@lucide/svelte/icons/list-todo";
import Settings from "@lucide/svelte/icons/settings";
import type { Icon } from "$/ui/icon";

export type PlaceId = "inbox" | "tasks" | "runners" | "projects" | "credentials" | "settings";

export interface NavigationPlace {
  id: PlaceId;
  label: string;
  path: string;
  icon: Icon;
  keys: string;
}

export const PLACES: readonly NavigationPlace[] = [
  { id: "inbox", label: "Inbox", path: "", icon: Inbox, keys: "g i" },
  { id: "tasks", label: "Tasks", path: "tasks", icon: ListTodo, keys: "g t" },
  { id: "runners", label: "Runners", path: "runners", icon: Cable, keys: "g r" },
  { id: "projects", label: "Projects", path: "projects", icon: FolderGit2, keys: "g p" },
  { id: "credentials", label: "Credentials", path: "credentials", icon: KeyRound, keys: "g k" },
  { id: "settings", label: "Settings", path: "settings", icon: Settings, keys: "g s" },
];

/** What a phone's bar has room for; the rest is behind "More". */
export const FIRST_PLACES = PLACES.slice(0, 3);
export const MORE_PLACES = PLACES.slice(3);

/** The place of a path, for `aria-current`. */
export function placeOf(path: readonly string[]): PlaceId | null {
  const first = path[0];
  if (first === undefined) return "inbox";
  if (first === "compare") return "tasks";
  return PLACES.find((place) => place.path === first)?.id ?? null;
}

/** What waits at each place. */
export interface Counts {
  /** What needs a person. */
  inbox: number;
  running: number;
  ready: number;
}

/** The window's title: how much waits, and where one is. */
export function titleOf(path: readonly string[], waiting: number, task: string | null): string {
  const named: Record<string, string> = { new: "New task", compare: "Compare" };
  const id = placeOf(path);
  const where = task ?? named[path[0] ?? ""] ?? PLACES.find((place) => place.id === id)?.label;
  const count = waiting > 0 ? `(${waiting}) ` : "";
  return where ? `${count}${where} · Pilothouse` : `${count}Pilothouse`;
}
