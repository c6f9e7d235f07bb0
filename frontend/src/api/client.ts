// Commands to one hub, typed by the table.

import type { Connection } from "$/host/host";
import { ROUTES, type Commands } from "./generated/proto";

export type CommandName = keyof Commands;
export type Request<N extends CommandName> = Commands[N]["request"];
export type Response<N extends CommandName> = Commands[N]["response"];

/** Path with its parameters filled in, and the fields that are left over. */
export function pathOf(template: string, request: object): { path: string; rest: [string, unknown][] } {
  const used = new Set<string>();
  const fields = request as Record<string, unknown>;
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    used.add(name);
    return encodeURIComponent(String(fields[name]));
  });
  const rest = Object.entries(fields).filter(([name, value]) => !used.has(name) && value !== undefined);
  return { path, rest };
}

export class Client {
  constructor(
    readonly hub: string,
    readonly connection: Connection,
  ) {}

  /** Rejects with a `Problem`. */
  async call<N extends CommandName>(name: N, request: Request<N>): Promise<Response<N>> {
    const route = ROUTES[name];
    const { path, rest } = pathOf(route.path, request);
    if (route.method === "POST") {
      const body = JSON.stringify(Object.fromEntries(rest));
      return JSON.parse(await this.connection.call("POST", path, body)) as Response<N>;
    }
    const query = new URLSearchParams();
    for (const [field, value] of rest) {
      if (value !== null) query.set(field, String(value));
    }
    const asked = query.size > 0 ? `${path}?${query}` : path;
    return JSON.parse(await this.connection.call(route.method, asked)) as Response<N>;
  }
}
