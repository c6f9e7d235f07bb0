// How a screen stands, in words for everybody who looks at it.

import type { ScreenDriver } from "$/api/generated/proto";

export interface Wheel {
  driver: ScreenDriver | null;
  yours: boolean;
  mayDrive: boolean;
}

export interface Words {
  who: "you" | "person" | "agent" | "nobody";
  text: string;
  /** Taking over would be granted. */
  free: boolean;
}

export function wordsOf({ driver, yours, mayDrive }: Wheel): Words {
  if (yours) return { who: "you", text: "You drive.", free: false };
  const person = driver?.who ?? null;
  if (person !== null) return { who: "person", text: `${person} drives; you look on.`, free: false };
  if (driver) return { who: "agent", text: "The agent drives; you look on.", free: mayDrive };
  return { who: "nobody", text: "Nobody drives; you look on.", free: mayDrive };
}

/** How far away: `near` is as if it were here. */
export function nearness(latency: number): "near" | "felt" | "far" {
  if (latency < 60) return "near";
  return latency < 200 ? "felt" : "far";
}
