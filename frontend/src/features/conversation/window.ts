// Which entries exist in the page: a stretch of a list that grows at its end
// (what comes) and at its beginning (what is read later). Kept by key, because
// numbers move when older entries come.

/** Entries that a step adds, and the most there are. */
export const STEP = 120;
export const MOST = 480;

export interface Stretch {
  from: number;
  to: number;
}

/** The last entries. */
export function atEnd(length: number): Stretch {
  return { from: Math.max(0, length - STEP), to: length };
}

/** More at the top; what is far below gives way. */
export function upwards(stretch: Stretch): Stretch {
  const from = Math.max(0, stretch.from - STEP);
  return { from, to: Math.min(stretch.to, from + MOST) };
}

/** More at the bottom; what is far above gives way. */
export function downwards(stretch: Stretch, length: number): Stretch {
  const to = Math.min(length, stretch.to + STEP);
  return { from: Math.max(stretch.from, to - MOST), to };
}

/** The list grew at its end: what follows goes along, what looks elsewhere stays. */
export function grown(stretch: Stretch, before: number, length: number, following: boolean): Stretch {
  if (stretch.to < before) return stretch;
  const to = following ? length : Math.min(length, stretch.from + MOST);
  return { from: following ? Math.max(stretch.from, to - MOST) : stretch.from, to };
}

/** So many entries came before. */
export function shifted(stretch: Stretch, by: number): Stretch {
  return { from: stretch.from + by, to: stretch.to + by };
}
