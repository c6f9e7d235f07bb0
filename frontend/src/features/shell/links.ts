// One listener for every link of the page: those of ours change the route,
// those to elsewhere are opened outside.

import type { Host } from "$/host/host";
import { route } from "$/state/route.svelte";

export function onLink(event: MouseEvent, host: Host): void {
  if (event.defaultPrevented || event.button !== 0) return;
  const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[href]") : null;
  if (!link || link.hasAttribute("download")) return;
  const url = new URL(link.href, location.href);
  if (url.protocol === "blob:") return;
  if (url.origin !== location.origin) {
    event.preventDefault();
    host.openExternal(url.href);
    return;
  }
  // A new tab is the browser's business, where there are tabs.
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) {
    if (host.desktop) event.preventDefault();
    else return;
  }
  if (url.pathname === location.pathname && url.search === location.search && url.hash !== "") return;
  event.preventDefault();
  route.go(`${below(url.pathname, host.base)}${url.search}`);
}

function below(path: string, base: string): string {
  return path.startsWith(base) ? path.slice(base.length) : path.slice(1);
}
