// Calls to models, added up: of a run, and of each of its turns.

import type { Client } from "$/api/client";
import type { JournalRecord, ModelCall, RunId, TaskId, Usage } from "$/api/generated/proto";

/** A page of a run's journal. */
const PAGE = 2000;

export interface CallSum {
  calls: number;
  usage: Usage;
  /** Calls whose model has no price: the cost leaves them out. */
  priceless: number;
}

export function emptySum(): CallSum {
  const usage: Usage = {
    input_tokens: 0,
    output_tokens: 0,
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    cost_micros: null,
  };
  return { calls: 0, usage, priceless: 0 };
}

export function plus({ calls, usage, priceless }: CallSum, { usage: more }: ModelCall): CallSum {
  const cost =
    usage.cost_micros === null && more.cost_micros === null
      ? null
      : (usage.cost_micros ?? 0) + (more.cost_micros ?? 0);
  const used = more.input_tokens + more.output_tokens + more.cache_read_tokens + more.cache_write_tokens;
  return {
    calls: calls + 1,
    priceless: priceless + (more.cost_micros === null && used > 0 ? 1 : 0),
    usage: {
      input_tokens: usage.input_tokens + more.input_tokens,
      output_tokens: usage.output_tokens + more.output_tokens,
      cache_read_tokens: usage.cache_read_tokens + more.cache_read_tokens,
      cache_write_tokens: usage.cache_write_tokens + more.cache_write_tokens,
      cost_micros: cost,
    },
  };
}

export function sumOf(calls: readonly ModelCall[]): CallSum {
  return calls.reduce(plus, emptySum());
}

export interface TurnSum extends CallSum {
  /** 0: before the first turn. */
  turn: number;
}

/** Sums of the turns that records tell of, on top of those before them. */
export function turnsOf(records: readonly JournalRecord[], before: readonly TurnSum[] = []): TurnSum[] {
  const turns = [...before];
  for (const { event } of records) {
    if (event.type === "turn_started") turns.push({ turn: event.turn, ...emptySum() });
    if (event.type !== "model_called") continue;
    if (turns.length === 0) turns.push({ turn: 0, ...emptySum() });
    const last = turns.length - 1;
    const now = turns[last];
    if (now) turns[last] = { turn: now.turn, ...plus(now, event) };
  }
  return turns;
}

/** Reads a run's whole journal for its turns: which call was of which is told nowhere else. */
export async function readTurns(client: Client, task: TaskId, run: RunId): Promise<TurnSum[]> {
  let turns: TurnSum[] = [];
  let after = 0;
  for (;;) {
    const page = await client.call("task_journal", { task, run, after, part: "conversation", limit: PAGE });
    turns = turnsOf(page.records, turns);
    const last = page.records.at(-1);
    if (!last || last.seq >= page.end.seq) return turns;
    after = last.seq;
  }
}
