// A run's conversation: a fold over the records of its journal. Records come
// in order; older ones that are read later are folded anew from the start.
//
// What this build does not know stays visible. Output and snapshots belong to
// other views, and are dropped here should a hub send them.

import type { Activity, JournalEvent, JournalRecord, Todo } from "$/api/generated/proto";
import { hostOf } from "$/parts/ask/words";
import {
  AskEntry,
  MarksEntry,
  RetryEntry,
  TodosEntry,
  ToolEntry,
  type ArtifactEntry,
  type Entry,
  type Mark,
  type SpokenEntry,
} from "./entries.svelte";
import { isRefusal, markOf, refusedMark, type Refusal } from "./marks";

type Of<T extends JournalEvent["type"]> = Extract<JournalEvent, { type: T }>;

/** Events that neither show nor end anything a person looks at here. */
const SILENT = new Set([
  "output",
  "screen",
  "snapshot",
  "session_saved",
  "push_wanted",
  "phase",
  "activity",
  "agent_exited",
  "order_done",
  "network",
  "network_ended",
  "model_called",
]);

export class ConversationFold {
  /** Top level, in order. A new list with every batch. */
  entries = $state.raw<Entry[]>([]);
  /** The newest to-do list. */
  todos = $state.raw<Todo[]>([]);
  activity = $state.raw<{ activity: Activity; reason: string } | null>(null);
  /** Turns whose end was kept, so that a run can begin there; 0 is the beginning. */
  kept = $state.raw<ReadonlySet<number>>(new Set());
  /** A turn is under way. */
  inTurn = $state(false);
  /** `finished` was seen: nothing follows. */
  over = $state(false);

  #records: JournalRecord[] = [];
  #list: Entry[] = [];
  #tools = new Map<string, ToolEntry>();
  #asks = new Map<string, AskEntry>();
  /** What goes on being said, by its kind and its subagent. */
  #open = new Map<string, SpokenEntry>();
  #turnTodos: TodosEntry | null = null;
  /** Where hosts that were refused are gathered. */
  #refusals: { entry: MarksEntry; mark: Mark; hosts: string[]; times: number } | null = null;
  #turnStartedAt: number | null = null;
  #lastText = "";
  /** Said with the turn that ended; not said again. */
  #lastProblem = "";

  get firstSeq(): number {
    return this.#records[0]?.seq ?? 0;
  }

  get lastSeq(): number {
    return this.#records.at(-1)?.seq ?? 0;
  }

  /** How many records are folded. */
  get size(): number {
    return this.#records.length;
  }

  /** Records after the last one. Those that are known already are skipped. */
  append(records: readonly JournalRecord[]): void {
    for (const record of records) {
      if (record.seq <= this.lastSeq) continue;
      this.#records.push(record);
      this.#add(record);
    }
    this.entries = [...this.#list];
  }

  /** Records before the first one. */
  prepend(records: readonly JournalRecord[]): void {
    const first = this.#records.length > 0 ? this.firstSeq : Infinity;
    const older = records.filter((record) => record.seq < first);
    if (older.length === 0) return;
    const all = [...older, ...this.#records];
    this.#forget();
    this.append(all);
  }

  #forget(): void {
    this.#records = [];
    this.#list = [];
    this.#tools.clear();
    this.#asks.clear();
    this.#open.clear();
    this.#turnTodos = null;
    this.#refusals = null;
    this.#turnStartedAt = null;
    this.#lastText = "";
    this.#lastProblem = "";
    this.todos = [];
    this.kept = new Set();
    this.inTurn = false;
    this.over = false;
    this.activity = null;
  }

  #add(record: JournalRecord): void {
    const { seq: key, at, event } = record;
    if (typeof event !== "object" || event === null) return this.#put({ kind: "raw", key, at, event });
    if (isRefusal(event)) return this.#refused(key, at, event);
    const mark = markOf(event);
    if (mark) this.#mark(key, { ...mark, at, detail: mark.detail === this.#lastProblem ? "" : mark.detail });
    switch (event.type) {
      case "turn_started":
        return this.#turnStarted(key, at, event);
      case "steered":
        return this.#put({ kind: "steered", key, at, text: event.text });
      case "text":
      case "thinking":
        return this.#spoken(key, at, event);
      case "tool_started":
        return this.#toolStarted(key, at, event);
      case "tool_output": {
        const tool = this.#tools.get(event.id);
        if (tool?.state === "running") tool.output += event.text;
        return;
      }
      case "tool_ended":
        return this.#toolEnded(at, event);
      case "todos":
        return this.#setTodos(key, at, event.items);
      case "asked":
        return this.#asked(key, at, event);
      case "decided":
        return this.#decided(at, event);
      case "withdrawn": {
        const ask = this.#asks.get(event.item);
        if (ask) ask.withdrawn = true;
        return;
      }
      case "activity":
        this.activity = { activity: event.activity, reason: event.reason };
        return;
      case "retrying":
        return this.#retrying(key, at, event);
      case "limit_hit":
        return this.#put({ kind: "limit", key, at, resets_at: event.resets_at, reason: event.reason });
      case "turn_ended":
        return this.#turnEnded(key, at, event);
      case "checkpoint":
        if (!event.left_out) this.kept = new Set([...this.kept, event.turn]);
        return;
      case "review_started":
        return this.#reviewStarted(key, at, event);
      case "reviewed":
        return this.#reviewed(key, at, event);
      case "artifact":
        return this.#put(artifact(key, at, event));
      case "finished":
        this.over = true;
        return this.#closeOpen();
      default:
        if (!mark && !SILENT.has(event.type)) this.#put({ kind: "raw", key, at, event });
    }
  }

  /** Words and thoughts; those that are still spoken grow in place. */
  #spoken(key: number, at: number, event: Of<"text" | "thinking">): void {
    const parent = event.parent ? this.#tools.get(event.parent) : undefined;
    const list = parent ? parent.children : this.#list;
    const whose = `${event.type} ${event.parent ?? ""}`;
    const begun = this.#open.get(whose);
    const index = begun ? list.lastIndexOf(begun) : -1;
    const text = (begun && index >= 0 ? begun.text : "") + event.text;
    const entry = { kind: event.type, key: begun?.key ?? key, at: begun?.at ?? at, text };
    if (event.open) this.#open.set(whose, entry);
    else this.#open.delete(whose);
    if (event.type === "text") this.#lastText = text;
    if (index < 0) return this.#put(entry, event.parent);
    if (parent) parent.children = parent.children.with(index, entry);
    else this.#list[index] = entry;
  }

  #put(entry: Entry, parent?: string | null): void {
    const tool = parent ? this.#tools.get(parent) : undefined;
    if (tool) tool.children = [...tool.children, entry];
    else this.#list.push(entry);
  }

  #mark(key: number, mark: Mark): void {
    const last = this.#list.at(-1);
    if (last instanceof MarksEntry) {
      last.marks = [...last.marks, mark];
      return;
    }
    const entry = new MarksEntry(key, mark.at);
    entry.marks = [mark];
    this.#list.push(entry);
  }

  /** An agent that tries again and again makes one mark, not a page of them. */
  #refused(key: number, at: number, event: Refusal): void {
    const last = this.#list.at(-1);
    const known = this.#refusals?.entry === last ? this.#refusals : null;
    const hosts = [...new Set([...(known?.hosts ?? []), hostOf(event)])];
    const times = (known?.times ?? 0) + event.count;
    const mark = { ...refusedMark(hosts, times), at: known?.mark.at ?? at };
    if (known) known.entry.marks = known.entry.marks.map((one) => (one === known.mark ? mark : one));
    else this.#mark(key, mark);
    const entry = this.#list.at(-1);
    this.#refusals = entry instanceof MarksEntry ? { entry, mark, hosts, times } : null;
  }

  #turnStarted(key: number, at: number, event: Of<"turn_started">): void {
    this.inTurn = true;
    this.#turnStartedAt = at;
    this.#turnTodos = null;
    this.#lastText = "";
    this.#put({ kind: "turn", key, at, turn: event.turn, prompt: event.prompt });
  }

  #toolStarted(key: number, at: number, event: Of<"tool_started">): void {
    const tool = new ToolEntry(key, at, event.id, event.tool, event.input, event.summary);
    this.#put(tool, event.parent);
    this.#tools.set(event.id, tool);
  }

  /** One whose beginning is not loaded shows when that is. */
  #toolEnded(at: number, event: Of<"tool_ended">): void {
    const tool = this.#tools.get(event.id);
    if (!tool) return;
    tool.state = event.ok ? "ok" : "refused";
    tool.output = event.output;
    tool.endedAt = at;
  }

  /** Shown like a subagent: what the reviewer does stands below it. */
  #reviewStarted(key: number, at: number, event: Of<"review_started">): void {
    const id = `review-${event.round}`;
    const by = event.model ? `${event.agent} (${event.model})` : event.agent;
    const review = new ToolEntry(key, at, id, "Review", {}, `round ${event.round} by ${by}`);
    this.#put(review);
    this.#tools.set(id, review);
  }

  #reviewed(key: number, at: number, event: Of<"reviewed">): void {
    const review = this.#tools.get(`review-${event.round}`);
    if (!review) return;
    review.state = event.problem ? "refused" : "ok";
    review.output = event.problem?.message ?? foundWords(event.findings);
    review.endedAt = at;
    const text = event.problem ? `*${event.problem.message}*` : foundWords(event.findings);
    this.#put({ kind: "text", key, at, text }, review.id);
  }

  #setTodos(key: number, at: number, items: Todo[]): void {
    this.todos = items;
    if (!this.#turnTodos) {
      this.#turnTodos = new TodosEntry(key, at);
      this.#list.push(this.#turnTodos);
    }
    this.#turnTodos.items = items;
  }

  #asked(key: number, at: number, event: Of<"asked">): void {
    const ask = new AskEntry(key, at, event.item, event.ask, event.deadline, event.on_timeout);
    this.#asks.set(event.item, ask);
    this.#put(ask);
  }

  #decided(at: number, event: Of<"decided">): void {
    const ask = this.#asks.get(event.item);
    if (ask) ask.answered = { answer: event.answer, decider: event.decider, at };
  }

  #retrying(key: number, at: number, event: Of<"retrying">): void {
    const last = this.#list.at(-1);
    const entry = last instanceof RetryEntry ? last : new RetryEntry(key, at);
    entry.attempt = event.attempt;
    entry.until = at + event.wait_ms * 1000;
    entry.reason = event.reason;
    if (entry !== last) this.#put(entry);
  }

  #turnEnded(key: number, at: number, event: Of<"turn_ended">): void {
    const { turn, end, usage, denials, problem } = event;
    const summary = event.summary.trim() === this.#lastText.trim() ? "" : event.summary;
    const startedAt = this.#turnStartedAt;
    this.#put({ kind: "turn_end", key, at, turn, end, usage, denials, summary, problem, startedAt });
    this.#lastProblem = problem?.message ?? "";
    this.inTurn = false;
    this.#turnStartedAt = null;
    this.#closeOpen();
  }

  /** Nobody will end these any more. */
  #closeOpen(): void {
    this.#open.clear();
    for (const tool of this.#tools.values()) if (tool.state === "running") tool.state = "lost";
  }
}

/** Findings as Markdown. */
function foundWords(findings: Of<"reviewed">["findings"]): string {
  if (findings.length === 0) return "The review found nothing.";
  const lines = findings.map(({ path, first_line, severity, text }) => {
    const place = path === "" ? "" : `\`${path}${first_line === null ? "" : `:${first_line}`}\` `;
    return `- **${severity}** ${place}${text.replace(/\n/g, "\n  ")}`;
  });
  return `The review found:\n\n${lines.join("\n")}`;
}

function artifact(key: number, at: number, event: Of<"artifact">): ArtifactEntry {
  const { name, media_type, blob, size } = event;
  return { kind: "artifact", key, at, name, media_type, blob, size };
}
