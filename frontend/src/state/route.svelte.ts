// Where the person is. Every screen, task view and filter is a URL, which also
// serves deep links, notifications and the back button.

export interface Place {
  /** `["tasks", "<id>", "diff"]`; empty for the inbox. */
  path: string[];
  query: URLSearchParams;
}

class Route {
  #base = "/";
  place = $state.raw<Place>({ path: [], query: new URLSearchParams() });
  /** Asked before leaving; false keeps the person where they are. */
  #guards = new Set<() => boolean>();

  start(base: string): void {
    this.#base = base;
    this.#read();
    window.addEventListener("popstate", () => this.#read());
  }

  href(path: string): string {
    return this.#base + path.replace(/^\//, "");
  }

  go(path: string, options: { replace?: boolean } = {}): void {
    for (const guard of this.#guards) if (!guard()) return;
    if (options.replace) history.replaceState(null, "", this.href(path));
    else history.pushState(null, "", this.href(path));
    this.#read();
  }

  /** Changes parameters of the query; null removes one. */
  query(change: Record<string, string | null>, options: { replace?: boolean } = { replace: true }): void {
    const query = new URLSearchParams(this.place.query);
    for (const [name, value] of Object.entries(change)) {
      if (value === null || value === "") query.delete(name);
      else query.set(name, value);
    }
    const text = query.size > 0 ? `?${query}` : "";
    this.go(this.place.path.map(encodeURIComponent).join("/") + text, options);
  }

  guard(may: () => boolean): () => void {
    this.#guards.add(may);
    return () => this.#guards.delete(may);
  }

  #read(): void {
    const below = location.pathname.startsWith(this.#base)
      ? location.pathname.slice(this.#base.length)
      : location.pathname.slice(1);
    const path = below.split("/").filter(Boolean).map(decode);
    this.place = { path, query: new URLSearchParams(location.search) };
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const route = new Route();
