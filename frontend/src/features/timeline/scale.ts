// Time along a track: where a moment stands, and which times are written
// below it.

import type { Timestamp } from "$/api/generated/proto";

export interface Scale {
  from: Timestamp;
  to: Timestamp;
}

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Distances between ticks that read well. */
const STEPS = [
  SECOND,
  2 * SECOND,
  5 * SECOND,
  10 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  6 * HOUR,
  12 * HOUR,
  24 * HOUR,
];

/** A little air at the end; never without length. */
export function scaleOf(first: Timestamp, last: Timestamp): Scale {
  const length = Math.max(last - first, SECOND);
  return { from: first, to: first + length * 1.01 };
}

/** 0 to 1. Clocks of machines jump, so it is kept within. */
export function placeOf(scale: Scale, at: Timestamp): number {
  return Math.min(1, Math.max(0, (at - scale.from) / (scale.to - scale.from)));
}

export function timeAt(scale: Scale, place: number): Timestamp {
  return scale.from + place * (scale.to - scale.from);
}

export interface Tick {
  place: number;
  /** Since the beginning: `0:30`, `1:05:00`. */
  label: string;
}

/** At most `most` ticks, at round distances from the beginning. */
export function ticksOf(scale: Scale, most: number): Tick[] {
  const length = scale.to - scale.from;
  const room = Math.max(1, most);
  const step =
    STEPS.find((one) => length / one <= room) ?? Math.ceil(length / room / (24 * HOUR)) * 24 * HOUR;
  const ticks: Tick[] = [];
  for (let at = 0; at <= length; at += step) ticks.push({ place: at / length, label: since(at) });
  return ticks;
}

/** `0:07`, `12:30`, `2:05:00`. */
export function since(micros: number): string {
  const seconds = Math.max(0, Math.round(micros / SECOND));
  const two = (part: number) => String(part).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
