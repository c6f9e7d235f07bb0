// How busy a machine is, as bars.

import type { Load } from "$/api/generated/proto";
import { bytes } from "$/parts/words";
import type { Tone } from "$/ui/icon";

export interface Meter {
  name: string;
  /** From 0 to 1. */
  part: number;
  text: string;
  tone: Tone;
}

/** From here on a machine is about to have a problem. */
const HIGH = 0.85;
const FULL = 0.95;

function tone(part: number): Tone {
  if (part >= FULL) return "fail";
  return part >= HIGH ? "wait" : "neutral";
}

export function meters(load: Load | null, busy: number, workers: number): Meter[] {
  const taken = workers > 0 ? Math.min(1, busy / workers) : 0;
  // All workers busy is what they are for.
  const work: Meter = { name: "Workers", part: taken, text: `${busy} of ${workers}`, tone: "accent" };
  if (!load) return [work];
  const cpu = load.cpu_permille / 1000;
  const all: Meter[] = [
    work,
    { name: "Processor", part: cpu, text: `${Math.round(cpu * 100)} % of ${load.cpus}`, tone: tone(cpu) },
  ];
  if (load.memory_total > 0) {
    const memory = 1 - load.memory_available / load.memory_total;
    all.push({
      name: "Memory",
      part: memory,
      text: `${bytes(load.memory_available)} free`,
      tone: tone(memory),
    });
  }
  if (load.disk_total > 0) {
    const disk = 1 - load.disk_free / load.disk_total;
    all.push({ name: "Disk", part: disk, text: `${bytes(load.disk_free)} free`, tone: tone(disk) });
  }
  return all;
}
