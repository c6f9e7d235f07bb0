// What the entries of one conversation need to know of where they stand.

import type { RunId, TaskId } from "$/api/generated/proto";
import { createContext } from "svelte";

export interface ConversationPlace {
  readonly task: TaskId;
  readonly run: RunId;
  /** Asks can be answered: it is the present, not an earlier moment. */
  readonly live: boolean;
  /** Nothing follows any more: what is open stays open for ever. */
  readonly over: boolean;
  /** Puts an earlier message into the composer; none where there is none. */
  readonly sendAgain: ((prompt: string) => void) | null;
  /** Edits what a turn was told, and runs again from there; none where that cannot be. */
  readonly rerun: ((turn: number, prompt: string) => void) | null;
  /** Turns whose end was kept; 0 is the beginning. */
  readonly kept: ReadonlySet<number>;
  readonly copyTurn: ((key: number) => void) | null;
}

export const [conversationPlace, setConversationPlace] = createContext<ConversationPlace>();
