// The one place that holds the host and the present session. Set once by
// `main.ts`; everything below reads it.

import type { Host, HubEntry } from "$/host/host";
import { linkFromWindow } from "./link";
import { route } from "./route.svelte";
import { Session } from "./session.svelte";

const CHOSEN = "pilothouse.hub";

class App {
  #host: Host | null = null;
  session = $state.raw<Session | null>(null);
  /** Hubs to choose from; one in a browser. */
  hubs = $state.raw<HubEntry[]>([]);

  get host(): Host {
    if (!this.#host) throw new Error("the host is set before anything is shown");
    return this.#host;
  }

  async start(host: Host): Promise<void> {
    this.#host = host;
    await this.readHubs();
    const chosen = localStorage.getItem(CHOSEN);
    const first = this.hubs.find((hub) => hub.id === chosen) ?? this.hubs[0];
    this.choose(first?.id ?? "here");
  }

  async readHubs(): Promise<void> {
    const here = { id: "here", name: "This hub", url: location.origin, fingerprint: null, local: false };
    this.hubs = this.host.desktop ? await this.host.desktop.hubs() : [here];
  }

  /** The address of a page of a task, for somebody to open it elsewhere. */
  link(path: string): string {
    const hub = this.hubs.find(({ id }) => id === this.session?.hub);
    return hub && this.host.desktop ? linkFromWindow(hub, path) : location.origin + route.href(path);
  }

  choose(hub: string): void {
    this.session?.stop();
    localStorage.setItem(CHOSEN, hub);
    this.session = new Session(this.host, hub);
    this.session.start();
  }
}

export const app = new App();

/** The present session, for components below the one that checks for it. */
export function session(): Session {
  if (!app.session) throw new Error("shown only with a session");
  return app.session;
}
