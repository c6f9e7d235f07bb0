// Tries as they are shown: filtered, denials that are alike gathered, summed.

import type { NetworkDecision, NetworkTry, Timestamp } from "$/api/generated/proto";
import { hostOf } from "$/parts/ask/words";

export type Show = "all" | "denied";

export interface TryFilter {
  show: Show;
  /** Part of a host's name. */
  host: string;
}

export function filterOf(query: URLSearchParams): TryFilter {
  return { show: query.get("show") === "denied" ? "denied" : "all", host: query.get("host") ?? "" };
}

/** One line: a connection that passed, or all denials that are alike. */
export interface TryRow {
  key: string;
  /** When, of several the last. */
  at: Timestamp;
  decision: NetworkDecision;
  /** Where it went: `host:port`, with the path where one is seen. */
  target: string;
  end: NetworkTry["end"];
  count: number;
}

/** Newest first. */
export function rowsOf(tries: readonly NetworkTry[], { show, host }: TryFilter): TryRow[] {
  const wanted = host.trim().toLowerCase();
  const rows: TryRow[] = [];
  const alike = new Map<string, TryRow>();
  for (let place = tries.length - 1; place >= 0; place -= 1) {
    const one = tries[place];
    if (!one) continue;
    const { decision } = one;
    if (show === "denied" && decision.allowed) continue;
    if (wanted !== "" && !decision.host.includes(wanted)) continue;
    const same = decision.allowed ? `#${decision.id}` : denialKey(decision);
    const known = alike.get(same);
    if (known) {
      known.count += decision.count;
      continue;
    }
    const row = rowOf(one, same);
    alike.set(same, row);
    rows.push(row);
  }
  return rows;
}

function rowOf({ at, decision, end }: NetworkTry, key: string): TryRow {
  return { key, at, decision, target: hostOf(decision), end, count: decision.count };
}

function denialKey({ host, port, door, process, method, path, because }: NetworkDecision): string {
  // `curl (17)`: the same command has another number each time.
  const command = process?.replace(/ \(\d+\)$/, "");
  return JSON.stringify([host, port, door, command, method, path, because]);
}

export interface Sums {
  allowed: number;
  denied: number;
  sent: number;
  received: number;
  open: number;
}

export function sumsOf(tries: readonly NetworkTry[]): Sums {
  const sums: Sums = { allowed: 0, denied: 0, sent: 0, received: 0, open: 0 };
  for (const { decision, end } of tries) {
    if (decision.allowed) sums.allowed += decision.count;
    else sums.denied += decision.count;
    sums.sent += end?.sent ?? 0;
    sums.received += end?.received ?? 0;
    if (decision.allowed && !end && decision.door !== "dns") sums.open += 1;
  }
  return sums;
}

/** The rule that would let this through: the very host, at the very port. */
export function ruleFor(decision: Pick<NetworkDecision, "host" | "port">): string {
  return hostOf(decision);
}
