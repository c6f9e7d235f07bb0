// Lines as people name them: in addresses and when they go to one. People
// count from 1, the hub from 0; in here everything counts from 0.

export interface LineRange {
  first: number;
  last: number;
}

/** `120`, `120-140`, `1,200` or `#120`; anything else is none. */
export function readRange(text: string | null): LineRange | null {
  const found = /^\s*[#L]?([\d,._ ]+?)(?:\s*[-–:]\s*L?([\d,._ ]+))?\s*$/i.exec(text ?? "");
  if (!found) return null;
  const number = (given: string) => Number.parseInt(given.replace(/\D/g, ""), 10) - 1;
  const one = number(found[1] ?? "");
  const other = found[2] === undefined ? one : number(found[2]);
  if (!Number.isSafeInteger(one) || !Number.isSafeInteger(other) || one < 0 || other < 0) return null;
  return { first: Math.min(one, other), last: Math.max(one, other) };
}

export function writeRange(range: LineRange): string {
  return range.first === range.last ? `${range.first + 1}` : `${range.first + 1}-${range.last + 1}`;
}

export function extend(anchor: number, to: number): LineRange {
  return { first: Math.min(anchor, to), last: Math.max(anchor, to) };
}

export function has(range: LineRange | null, line: number): boolean {
  return range !== null && line >= range.first && line <= range.last;
}

const TIME = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});

/** When a line was written, in microseconds: on the clock, or since the first. */
export function stamp(at: number, style: "relative" | "absolute", start: number): string {
  if (style === "absolute")
    return `${TIME.format(at / 1000)}.${String(Math.floor(at / 1000) % 1000).padStart(3, "0")}`;
  const seconds = Math.max(0, at - start) / 1e6;
  if (seconds < 60) return `+${seconds.toFixed(1)}s`;
  const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  if (minutes < 60) return `+${minutes}m${String(rest).padStart(2, "0")}s`;
  return `+${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}m`;
}
