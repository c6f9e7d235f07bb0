import { describe, expect, it } from "vitest";
import type { Ask, JournalEvent, JournalRecord } from "$/api/generated/proto";
import type { Entry } from "./entries.svelte";
import { ConversationFold } from "./fold.svelte";
import { asMarkdown, turnOf } from "./markdown";

const NOTHING_USED = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_tokens: 0,
  cache_write_tokens: 0,
  cost_micros: null,
};

/** A journal with one record a second, from `seq` 1. */
function journal(...events: unknown[]): JournalRecord[] {
  return events.map((event, index) => ({
    epoch: 1,
    seq: index + 1,
    at: (index + 1) * 1_000_000,
    event: event as JournalEvent,
  }));
}

function folded(records: JournalRecord[]): ConversationFold {
  const fold = new ConversationFold();
  fold.append(records);
  return fold;
}

const kinds = (entries: readonly Entry[]) => entries.map((entry) => entry.kind);
const turn = (number: number, prompt = "do it") => ({ type: "turn_started", turn: number, prompt });
const text = (words: string, parent?: string) => ({
  type: "text",
  text: words,
  ...(parent ? { parent } : {}),
});
const tool = (id: string, parent?: string) => ({
  type: "tool_started",
  id,
  tool: "Bash",
  input: { command: "ls" },
  summary: "ls",
  ...(parent ? { parent } : {}),
});
const toolEnded = (id: string, ok = true) => ({ type: "tool_ended", id, ok, output: "out" });
const turnEnded = (number: number, summary = "") => ({
  type: "turn_ended",
  turn: number,
  end: "completed",
  usage: NOTHING_USED,
  denials: 0,
  summary,
  problem: null,
});

/** The tool entry at `index`. */
function toolAt(entries: readonly Entry[], index: number) {
  const entry = entries[index];
  if (entry?.kind !== "tool") throw new Error(`no tool at ${index}`);
  return entry;
}

describe("the fold of a conversation", () => {
  it("shows turns, words, thoughts and tools in order", () => {
    const fold = folded(
      journal(
        turn(1),
        { type: "thinking", text: "hm" },
        text("hello"),
        tool("a"),
        toolEnded("a"),
        turnEnded(1),
      ),
    );
    expect(kinds(fold.entries)).toEqual(["turn", "thinking", "text", "tool", "turn_end"]);
    expect(toolAt(fold.entries, 3)).toMatchObject({ state: "ok", output: "out", endedAt: 5_000_000 });
    expect(fold.inTurn).toBe(false);
  });

  it("leaves output and snapshots to other views", () => {
    const fold = folded(
      journal(
        turn(1),
        { type: "output", stream: "stdout", text: "x" },
        { type: "snapshot", number: 1 },
        text("hello"),
      ),
    );
    expect(kinds(fold.entries)).toEqual(["turn", "text"]);
  });

  it("nests what a subagent does below the call that began it", () => {
    const fold = folded(
      journal(turn(1), tool("a"), text("sub", "a"), tool("b", "a"), toolEnded("b"), toolEnded("a")),
    );
    expect(kinds(fold.entries)).toEqual(["turn", "tool"]);
    const outer = toolAt(fold.entries, 1);
    expect(kinds(outer.children)).toEqual(["text", "tool"]);
    expect(toolAt(outer.children, 1).state).toBe("ok");
  });

  it("keeps words of a subagent whose call is not loaded", () => {
    expect(kinds(folded(journal(text("sub", "gone"))).entries)).toEqual(["text"]);
  });

  it("calls a tool lost when its turn is over without its end", () => {
    const fold = folded(journal(turn(1), tool("a"), turnEnded(1)));
    expect(toolAt(fold.entries, 1).state).toBe("lost");
  });

  it("tells a refused tool from one that worked", () => {
    expect(toolAt(folded(journal(tool("a"), toolEnded("a", false))).entries, 0).state).toBe("refused");
  });

  it("keeps one to-do list a turn, in its newest state", () => {
    const todos = (status: string) => ({ type: "todos", items: [{ text: "one", status }] });
    const fold = folded(
      journal(turn(1), todos("pending"), text("x"), todos("completed"), turn(2), todos("pending")),
    );
    expect(kinds(fold.entries)).toEqual(["turn", "todos", "text", "turn", "todos"]);
    expect(fold.entries[1]).toMatchObject({ items: [{ status: "completed" }] });
    expect(fold.todos).toEqual([{ text: "one", status: "pending" }]);
  });

  it("joins an ask with its decision, and says when it was withdrawn", () => {
    const ask: Ask = { kind: "permission", tool: "Bash", input: { command: "rm" }, summary: "rm" };
    const asked = (item: string) => ({ type: "asked", item, ask, deadline: null, on_timeout: "pause" });
    const decided = {
      type: "decided",
      item: "i1",
      answer: { answer: "deny", reason: "no" },
      decider: { by: "person", name: "ada" },
    };
    const fold = folded(
      journal(turn(1), asked("i1"), decided, asked("i2"), { type: "withdrawn", item: "i2" }),
    );
    expect(fold.entries[1]).toMatchObject({ answered: { answer: { answer: "deny" }, at: 3_000_000 } });
    expect(fold.entries[2]).toMatchObject({ answered: null, withdrawn: true });
  });

  it("gathers the run's own steps on one line", () => {
    const fold = folded(
      journal({ type: "phase", phase: "preparing" }, { type: "phase", phase: "cloning" }, turn(1), text("x")),
    );
    expect(kinds(fold.entries)).toEqual(["marks", "turn", "text"]);
    expect(fold.entries[0]).toMatchObject({
      marks: [{ text: "Preparing the workspace" }, { text: "Cloning" }],
    });
  });

  it("counts retries in a row together, with the time of the next", () => {
    const retry = (attempt: number) => ({ type: "retrying", attempt, wait_ms: 4000, reason: "overloaded" });
    const fold = folded(journal(turn(1), retry(1), retry(2)));
    expect(kinds(fold.entries)).toEqual(["turn", "retry"]);
    expect(fold.entries[1]).toMatchObject({ attempt: 2, until: 7_000_000 });
  });

  it("keeps an event of a newer hub visible as it came", () => {
    const strange = { type: "teleported", to: "mars" };
    const fold = folded(journal(strange, "not even an object"));
    expect(fold.entries[0]).toMatchObject({ kind: "raw", event: strange });
    expect(fold.entries[1]).toMatchObject({ kind: "raw" });
  });

  it("does not repeat the last words as the summary of the turn", () => {
    const fold = folded(journal(turn(1), text("done"), turnEnded(1, "done\n")));
    expect(fold.entries[2]).toMatchObject({ summary: "" });
  });

  it("is the same however the records came: live, twice, or older ones later", () => {
    const records = journal(
      turn(1),
      tool("a"),
      text("x", "a"),
      toolEnded("a"),
      turnEnded(1),
      turn(2),
      text("y"),
    );
    const whole = folded(records);
    const parts = new ConversationFold();
    parts.append(records.slice(3));
    parts.append(records.slice(4));
    parts.prepend(records.slice(0, 5));
    expect(JSON.stringify(parts.entries)).toBe(JSON.stringify(whole.entries));
    expect(toolAt(parts.entries, 1).state).toBe("ok");
    expect([parts.firstSeq, parts.lastSeq, parts.size]).toEqual([1, 7, 7]);
  });

  it("keeps the identity of entries while the journal goes on", () => {
    const records = journal(turn(1), tool("a"), toolEnded("a"));
    const fold = folded(records.slice(0, 2));
    const before = fold.entries[1];
    fold.append(records.slice(2));
    expect(fold.entries[1]).toBe(before);
  });

  it("is over with the last event of the run", () => {
    const fold = folded(journal(turn(1), tool("a"), { type: "finished", outcome: "no_change" }));
    expect(fold.over).toBe(true);
    expect(toolAt(fold.entries, 1).state).toBe("lost");
  });
});

describe("a turn as Markdown", () => {
  it("has the prompt quoted, words, tools and nothing of the next turn", () => {
    const fold = folded(
      journal(
        turn(1, "fix\nit"),
        text("On it."),
        tool("a"),
        text("inside", "a"),
        toolEnded("a"),
        turn(2),
        text("later"),
      ),
    );
    expect(asMarkdown(turnOf(fold.entries, 1))).toBe(
      "## Turn 1\n\n> fix\n> it\n\nOn it.\n\n- **Bash** `ls`\n  inside\n",
    );
  });

  it("fences backticks in a command", () => {
    const odd = { type: "tool_started", id: "a", tool: "Bash", input: {}, summary: "echo `date`" };
    expect(asMarkdown(folded(journal(odd)).entries)).toContain("`` echo `date` ``");
  });
});

describe("what the gate refused", () => {
  const decided = (id: number, host: string, allowed = false, count = 1) => ({
    type: "network",
    ...{ id, host, port: 443, door: "tls", allowed, because: "", count },
  });

  it("is one mark, however often an agent tries, until something else happens", () => {
    const fold = folded(
      journal(
        decided(1, "a.example"),
        decided(2, "a.example", false, 4),
        decided(3, "b.example", true),
        decided(4, "b.example"),
        text("On without it."),
        decided(5, "a.example"),
      ),
    );
    expect(kinds(fold.entries)).toEqual(["marks", "text", "marks"]);
    const [first] = fold.entries;
    expect(first?.kind === "marks" && first.marks).toMatchObject([
      { text: "The gate refused 6 times", detail: "a.example:443, b.example:443" },
    ]);
  });

  it("and what passed, its end and calls to models are no part of a conversation", () => {
    const call = { type: "model_called", model: "m" };
    const ended = { type: "network_ended", id: 1, sent: 1, received: 1, ms: 1 };
    expect(folded(journal(decided(1, "a.example", true), ended, call)).entries).toEqual([]);
  });

  it("walls that are off are said", () => {
    const walls = { type: "walls", kind: "off", holds: [], lacks: [], limits: [] };
    const [entry] = folded(journal(walls)).entries;
    expect(entry?.kind === "marks" && entry.marks[0]).toMatchObject({ text: "No walls", tone: "fail" });
  });

  it("joins what is still spoken, each speaker's by itself", () => {
    const open = (words: string, parent?: string) => ({ ...text(words, parent), open: true });
    const fold = folded(
      journal(
        turn(1),
        open("Let me "),
        tool("a"),
        open("sub", "a"),
        open("look."),
        text("agent", "a"),
        text(""),
        { type: "thinking", text: "Hm, ", open: true },
        { type: "thinking", text: "yes." },
        { type: "tool_output", id: "a", text: "one\n" },
        { type: "tool_output", id: "a", text: "two\n" },
        text("Another."),
      ),
    );
    expect(kinds(fold.entries)).toEqual(["turn", "text", "tool", "thinking", "text"]);
    expect(fold.entries[1]).toMatchObject({ key: 2, text: "Let me look." });
    expect(fold.entries[3]).toMatchObject({ text: "Hm, yes." });
    expect(fold.entries[4]).toMatchObject({ text: "Another." });
    expect(toolAt(fold.entries, 2).output).toBe("one\ntwo\n");
    expect(toolAt(fold.entries, 2).children).toMatchObject([{ text: "subagent" }]);
  });

  it("says when a run goes on by itself after a limit", () => {
    const fold = folded(journal(turn(1), turnEnded(1), { type: "resumes", at: 3_600_000_000 }));
    const last = fold.entries.at(-1);
    if (last?.kind !== "marks") throw new Error("no mark");
    expect(last.marks.at(-1)).toMatchObject({
      tone: "wait",
      text: expect.stringContaining("goes on by itself"),
    });
  });
});

it("says in words what the agent reports and files", () => {
  const child = { prompt: "write the tests\nall of them", title: null };
  const problem = { code: "limit_reached", message: "enough", hint: "" };
  const fold = folded(
    journal(
      turn(1),
      { type: "reported", text: "planning" },
      { type: "child_wanted", token: "a", child },
      { type: "child_decided", token: "a", task: "0190b1de-0000-7000-8000-00000000002a", problem: null },
      { type: "child_decided", token: "b", task: null, problem },
    ),
  );
  expect(kinds(fold.entries)).not.toContain("raw");
  const marks = fold.entries.flatMap((entry) => (entry.kind === "marks" ? entry.marks : []));
  expect(marks.map((mark) => mark.detail)).toEqual(["planning", "write the tests", "0000002a", "enough"]);
});

describe("a review and the turns that were kept", () => {
  const finding = { path: "a.rs", first_line: 3, last_line: null, severity: "high", text: "It is wrong." };
  const reviewed = { type: "reviewed", round: 1, agent: "codex", problem: null, usage: NOTHING_USED };

  it("shows what the reviewer did below its review, and what it found", () => {
    const fold = folded(
      journal(
        { type: "review_started", round: 1, agent: "codex", model: null },
        text("I look.", "review-1"),
        tool("review-1/t", "review-1"),
        { ...reviewed, findings: [finding] },
        turn(2, "mend it"),
      ),
    );
    expect(kinds(fold.entries)).toEqual(["tool", "turn"]);
    const review = toolAt(fold.entries, 0);
    expect(kinds(review.children)).toEqual(["text", "tool", "text"]);
    expect([review.state, review.output]).toEqual(["ok", expect.stringContaining("`a.rs:3` It is wrong.")]);
  });

  it("says which turns a run can begin at", () => {
    const kept = (number: number, left_out = "") => ({
      type: "checkpoint",
      turn: number,
      base: "b",
      left_out,
    });
    const fold = folded(journal(kept(0), turn(1), turnEnded(1), kept(1, "too large")));
    expect([...fold.kept]).toEqual([0]);
    expect(kinds(fold.entries)).toEqual(["turn", "turn_end"]);
  });
});
