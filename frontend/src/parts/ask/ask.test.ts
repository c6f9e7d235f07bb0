import { beforeEach, describe, expect, it } from "vitest";
import { fault } from "$/api/errors";
import { Client } from "$/api/client";
import type { Connection } from "$/host/host";
import type { Question } from "$/api/generated/proto";
import { answering, Answering, forget } from "./answering.svelte";
import { answersOf, choose, readChoices, write } from "./choices";
import { editable, edited } from "./edited-input";
import { beginningOf, coverages, type PermissionAsk } from "./rules";
import { editLines, toolShape } from "./tool-shape";

function question(text: string, multiple: boolean): Question {
  const options = ["A", "B", "C"].map((label) => ({ label, description: "" }));
  return { question: text, header: "", options, multiple };
}

/** A hub that takes or refuses every command. */
function hub(answer: () => Promise<string>): Client {
  const connection = { call: answer } as unknown as Connection;
  return new Client("here", connection);
}

describe("choices", () => {
  const [one, many] = [question("Which?", false), question("Which ones?", true)];

  it("keeps one option where one may be chosen", () => {
    const choices = choose(choose({}, one, "A"), one, "B");
    expect(answersOf(choices, [one])).toEqual({ "Which?": "B" });
  });

  it("joins several options in the order they are offered", () => {
    const choices = choose(choose({}, many, "C"), many, "A");
    expect(answersOf(choices, [many])).toEqual({ "Which ones?": "A, C" });
    expect(answersOf(choose(choices, many, "C"), [many])).toEqual({ "Which ones?": "A" });
  });

  it("takes words instead of an option, and beside several", () => {
    expect(answersOf(write(choose({}, one, "A"), one, "neither"), [one])).toEqual({ "Which?": "neither" });
    expect(answersOf(write(choose({}, many, "A"), many, "and D"), [many])).toEqual({
      "Which ones?": "A, and D",
    });
  });

  it("has no answer while a question is open", () => {
    expect(answersOf(choose({}, one, "A"), [one, many])).toBeNull();
  });

  it("begins anew with what another version kept", () => {
    expect(readChoices("{broken")).toEqual({});
  });
});

describe("an edited input", () => {
  it("is the command where there is one, with all else kept", () => {
    const input = { command: "rm -r build", description: "clean" };
    expect(editable(input).text).toBe("rm -r build");
    expect(edited(input, "ls build")).toEqual({
      ok: true,
      input: { command: "ls build", description: "clean" },
    });
    expect(edited(input, "  ").ok).toBe(false);
  });

  it("is JSON otherwise, and says what is wrong with it", () => {
    const input = { file_path: "a", content: "b" };
    expect(edited(input, editable(input).text)).toEqual({ ok: true, input });
    expect(edited(input, "{")).toMatchObject({ ok: false });
  });
});

describe("a tool's input", () => {
  it("shows an edit as a small diff", () => {
    expect(editLines("a\nb\nc\n", "a\nX\nY\nc\n")).toEqual([
      { change: "same", text: "a" },
      { change: "removed", text: "b" },
      { change: "added", text: "X" },
      { change: "added", text: "Y" },
      { change: "same", text: "c" },
    ]);
    expect(editLines("", "new\n")).toEqual([{ change: "added", text: "new" }]);
  });

  it("has a part for every field, so that nothing is hidden", () => {
    const shapes = toolShape({
      file_path: "src/a.rs",
      edits: [{ old_string: "a", new_string: "b" }],
      replace_all: true,
      odd: { deep: [1] },
    });
    expect(shapes.map((shape) => shape.kind)).toEqual(["path", "edit", "field", "json"]);
    expect(toolShape({ command: "ls", description: "look" }).map((shape) => shape.kind)).toEqual([
      "command",
      "field",
    ]);
    expect(toolShape({ todos: [{ content: "x", status: "pending" }] })).toEqual([
      { kind: "todos", items: [{ text: "x", status: "pending" }] },
    ]);
    expect(toolShape(null)).toEqual([{ kind: "json", label: "", text: "null" }]);
  });
});

describe("an answer", () => {
  beforeEach(() => localStorage.clear());

  it("keeps what was typed when the hub is lost, and lets it be sent again", async () => {
    const asked = new Answering("item-1");
    asked.draft("reason").text = "too wide";
    const lost = hub(() => Promise.reject(fault("repository_unreachable", "The hub cannot be reached.")));
    expect(await asked.send(lost, { answer: "deny", reason: "too wide" })).toBe(false);
    expect(asked.lost).toBe(true);
    expect(new Answering("item-1").draft("reason").text).toBe("too wide");

    expect(
      await asked.send(
        hub(() => Promise.resolve("{}")),
        { answer: "deny", reason: "too wide" },
      ),
    ).toBe(true);
    expect(asked.sent).toEqual({ answer: "deny", reason: "too wide" });
    expect(new Answering("item-1").draft("reason").text).toBe("");
  });

  it("says so when it was answered elsewhere", async () => {
    const asked = new Answering("item-2");
    const answered = hub(() => Promise.reject(fault("precondition", "This is no longer asked.")));
    await asked.send(answered, { answer: "end" });
    expect(asked.gone).toBe(true);
  });

  it("is sent once, however often it is pressed", async () => {
    let calls = 0;
    let arrive = (_: string): void => undefined;
    const slow = hub(() => {
      calls += 1;
      return new Promise((resolve) => (arrive = resolve));
    });
    const asked = new Answering("item-3");
    const first = asked.send(slow, { answer: "end" });
    expect(await asked.send(slow, { answer: "end" })).toBe(false);
    arrive("{}");
    expect(await first).toBe(true);
    expect(calls).toBe(1);
  });

  it("is one and the same for a card and for the keys of a list", () => {
    expect(answering({ id: "x" })).toBe(answering({ id: "x" }));
    const before = answering({ id: "x" });
    forget("x");
    expect(answering({ id: "x" })).not.toBe(before);
  });
});

describe("what an answer covers", () => {
  const asked = (fields: Partial<PermissionAsk>): PermissionAsk => ({
    kind: "permission",
    tool: "Bash",
    input: {},
    summary: "",
    ...fields,
  });
  const rules = (fields: Partial<PermissionAsk>) => coverages(asked(fields)).map(({ rule }) => rule);

  it("goes from exactly this to every use of the tool", () => {
    expect(rules({ commands: ["rm -r build/*"] })).toEqual([
      { tool: "Bash", command: "rm -r build/\\*" },
      { tool: "Bash", command: "rm *" },
      { tool: "Bash" },
    ]);
    expect(rules({ tool: "Write", paths: ["src/a/b.rs"] })).toEqual([
      { tool: "Write", path: "src/a/b.rs" },
      { tool: "Write", path: "src/a/**" },
      { tool: "Write" },
    ]);
  });

  it("offers no beginning of what is not one plain command", () => {
    expect(beginningOf("git push --force")).toBe("git push");
    expect(beginningOf("cargo +nightly test")).toBe("cargo");
    for (const line of ["cd x && make", "echo $(x)", "a > b", "X=1 make", ""]) {
      expect(beginningOf(line), line).toBeNull();
    }
  });
});
