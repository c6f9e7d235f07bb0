// What a link from outside wants shown. Nothing of it is acted upon before a
// person has seen it and said so.

import type { Intent } from "$/host/host";

/** The new-task page with its fields filled in. */
export function newTaskPath(intent: Extract<Intent, { kind: "new_task" }>): string {
  const query = new URLSearchParams();
  for (const field of ["project", "issue", "prompt", "agent", "model", "mode"] as const) {
    const value = intent[field];
    if (value) query.set(field, value);
  }
  return query.size > 0 ? `new?${query}` : "new";
}

/** What a join code says of the hub that made it. */
export interface JoinCode {
  hub: string;
  fingerprint: string | null;
}

/** None if it is no join code. The secret in it is not looked at. */
export function readJoinCode(code: string): JoinCode | null {
  const [, body] = /^pilot1\.([A-Za-z0-9_-]+)$/.exec(code.trim()) ?? [];
  if (body === undefined) return null;
  try {
    const bytes = Uint8Array.from(atob(body.replaceAll("-", "+").replaceAll("_", "/")), (char) =>
      char.charCodeAt(0),
    );
    const said = JSON.parse(new TextDecoder().decode(bytes)) as { hub?: unknown; fingerprint?: unknown };
    if (typeof said.hub !== "string" || !/^https?:\/\//.test(said.hub)) return null;
    return { hub: said.hub, fingerprint: typeof said.fingerprint === "string" ? said.fingerprint : null };
  } catch {
    return null;
  }
}
