// How good the picture is while it moves: chosen, or by how the way behaves.
// At rest the server sends what is missing, whatever was chosen.

/** What noVNC asks the server for: JPEG quality and compression, 0 to 9. */
export interface Level {
  quality: number;
  compression: number;
}

export const LEVELS = {
  sharp: { quality: 9, compression: 2 },
  balanced: { quality: 6, compression: 2 },
  light: { quality: 3, compression: 6 },
  least: { quality: 0, compression: 9 },
} as const satisfies Record<string, Level>;

export type LevelName = keyof typeof LEVELS;
export type Quality = "automatic" | LevelName;

/** From dear to cheap, as far as it is chosen by itself. */
const LADDER: readonly LevelName[] = ["balanced", "light", "least"];

/** So long a word may wait behind pictures before there are too many of them. */
const TOO_LATE_MS = 250;
/** Below this there is room. */
const PROMPT_MS = 60;
/** So often in a row, for down and for up: quick to give way, slow to return. */
const LATE_TIMES = 2;
const PROMPT_TIMES = 8;

/** How the way behaved so far. */
export interface Link {
  level: LevelName;
  /** The shortest there and back, which no picture delayed. */
  best: number;
  late: number;
  prompt: number;
}

export const FRESH: Link = { level: "balanced", best: Infinity, late: 0, prompt: 0 };

/** After a word came back that took `ms`. */
export function settle(link: Link, ms: number): Link {
  const best = Math.min(link.best, ms);
  const waited = ms - best;
  const late = waited > TOO_LATE_MS ? link.late + 1 : 0;
  const prompt = waited < PROMPT_MS ? link.prompt + 1 : 0;
  const at = LADDER.indexOf(link.level);
  if (late >= LATE_TIMES) return { level: LADDER[at + 1] ?? link.level, best, late: 0, prompt: 0 };
  if (prompt >= PROMPT_TIMES) return { level: LADDER[at - 1] ?? link.level, best, late: 0, prompt: 0 };
  return { level: link.level, best, late, prompt };
}
