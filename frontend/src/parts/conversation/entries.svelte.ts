// What a conversation consists of. Entries keep their identity while the
// journal goes on; the fields that may still change are reactive.

import type {
  Answered,
  Ask,
  BlobId,
  InboxId,
  JsonValue,
  OnTimeout,
  Problem,
  Timestamp,
  Todo,
  TurnEnd,
  Usage,
} from "$/api/generated/proto";

interface Common {
  /** Unique within a run: the sequence number of its first record. */
  readonly key: number;
  readonly at: Timestamp;
}

/** A prompt or follow-up was given to the agent. */
export interface TurnEntry extends Common {
  readonly kind: "turn";
  readonly turn: number;
  readonly prompt: string;
}

/** The agent was told something in the middle of a turn. */
export interface SteeredEntry extends Common {
  readonly kind: "steered";
  readonly text: string;
}

export interface TextEntry extends Common {
  readonly kind: "text";
  readonly text: string;
}

export interface ThinkingEntry extends Common {
  readonly kind: "thinking";
  readonly text: string;
}

/** Words that may still grow. */
export type SpokenEntry = TextEntry | ThinkingEntry;

/** How a tool call is: `lost` is one that nobody ended. */
export type ToolState = "running" | "ok" | "refused" | "lost";

export class ToolEntry implements Common {
  readonly kind = "tool";
  state = $state<ToolState>("running");
  output = $state.raw("");
  endedAt = $state.raw<Timestamp | null>(null);
  /** What a subagent did for it. */
  children = $state.raw<Entry[]>([]);

  constructor(
    readonly key: number,
    readonly at: Timestamp,
    readonly id: string,
    readonly tool: string,
    readonly input: JsonValue,
    readonly summary: string,
  ) {}
}

/** One list per turn; the newest state of it. */
export class TodosEntry implements Common {
  readonly kind = "todos";
  items = $state.raw<Todo[]>([]);

  constructor(
    readonly key: number,
    readonly at: Timestamp,
  ) {}
}

export class AskEntry implements Common {
  readonly kind = "ask";
  answered = $state.raw<Answered | null>(null);
  withdrawn = $state(false);

  constructor(
    readonly key: number,
    readonly at: Timestamp,
    readonly item: InboxId,
    readonly ask: Ask,
    readonly deadline: Timestamp | null,
    readonly on_timeout: OnTimeout,
  ) {}
}

/** The provider made the agent wait, once or several times in a row. */
export class RetryEntry implements Common {
  readonly kind = "retry";
  attempt = $state(0);
  until = $state.raw<Timestamp>(0);
  reason = $state.raw("");

  constructor(
    readonly key: number,
    readonly at: Timestamp,
  ) {}
}

export interface LimitEntry extends Common {
  readonly kind: "limit";
  readonly resets_at: Timestamp | null;
  readonly reason: string;
}

export interface TurnEndEntry extends Common {
  readonly kind: "turn_end";
  readonly turn: number;
  readonly end: TurnEnd;
  readonly usage: Usage;
  readonly denials: number;
  /** Empty where it repeats what was said last. */
  readonly summary: string;
  readonly problem: Problem | null;
  readonly startedAt: Timestamp | null;
}

export interface ArtifactEntry extends Common {
  readonly kind: "artifact";
  readonly name: string;
  readonly media_type: string;
  readonly blob: BlobId;
  readonly size: number;
}

export type MarkTone = "quiet" | "ok" | "wait" | "fail";

export interface Mark {
  readonly text: string;
  readonly detail: string;
  readonly tone: MarkTone;
  readonly at: Timestamp;
}

/** What the run did around the agent; neighbours share a line. */
export class MarksEntry implements Common {
  readonly kind = "marks";
  marks = $state.raw<Mark[]>([]);

  constructor(
    readonly key: number,
    readonly at: Timestamp,
  ) {}
}

/** An event this build does not know, as it came. */
export interface RawEntry extends Common {
  readonly kind: "raw";
  readonly event: unknown;
}

export type Entry =
  | TurnEntry
  | SteeredEntry
  | TextEntry
  | ThinkingEntry
  | ToolEntry
  | TodosEntry
  | AskEntry
  | RetryEntry
  | LimitEntry
  | TurnEndEntry
  | ArtifactEntry
  | MarksEntry
  | RawEntry;
