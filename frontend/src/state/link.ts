// Addresses of pages for somewhere else than this window, whose own means
// nothing there. Pure.

import type { HubEntry } from "$/host/host";

/**
 * `path` is of a task: `tasks/<id>/log?line=3`. The hub in this window has no
 * address of its own; a link that opens this machine's window names the page,
 * and cannot name a place in it.
 */
export function linkFromWindow(hub: Pick<HubEntry, "url">, path: string): string {
  if (hub.url !== "") return `${hub.url.replace(/\/$/, "")}/${path}`;
  return `pilothouse://${path.replace(/^tasks\//, "task/").replace(/\?.*$/, "")}`;
}
