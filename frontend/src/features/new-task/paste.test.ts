import { describe, expect, it } from "vitest";
import type { Client } from "$/api/client";
import type { IssueFound, NewTask } from "$/api/generated/proto";
import { project as builtProject } from "../../../tests/builders";
import { fileAll, parts } from "./file";
import { filledIn, issueNumber, lookUp, projectOf } from "./issues";
import { kindOf, readPasted } from "./paste";
import { duplicates, emptyRow, promptProblem, rowProblems, taskOf, titleOf, type Shared } from "./rows";

const shared: Shared = {
  project: "demo",
  agent: "",
  model: "",
  mode: "ask",
  on_timeout: "pause",
  base: "",
  hold: true,
  runner: "",
  budget: "",
};
const prompts = (text: string, kind?: Parameters<typeof readPasted>[1]) =>
  readPasted(text, kind).rows.map(({ prompt }) => prompt);

describe("the kind of what was pasted", () => {
  it.each([
    ["- one\n- two", "list"],
    ["1. one\n2) two\n   more", "list"],
    ["* [ ] one\n* [x] two", "list"],
    ["Fix this\nand that\n\nThen this\nand so on", "blocks"],
    ["one\ntwo\nthree", "lines"],
    ["one\n\ntwo\n\nthree", "lines"],
    ["title,project\nA,web", "table"],
    ["title\tprompt\nA\tb", "table"],
    ["prompt\nA\nB", "table"],
    ['[{"title":"A"}]', "json"],
    ['["A","B"]', "json"],
    ["[ ] one\n[ ] two", "lines"],
    ["https://git.example/o/r/issues/1\nhttps://git.example/o/r/issues/2", "links"],
    ["- https://gitlab.example/a/b/c/-/issues/7#note_1", "links"],
    ["https://git.example/o/r/issues/1 and more", "lines"],
    ["title the page, please", "lines"],
  ])("%j is %s", (text, kind) => {
    expect(kindOf(text)).toBe(kind);
  });
});

describe("lists", () => {
  it("keep what is indented below an item with it", () => {
    expect(prompts("- one\n  more\n    deep\n  - nested\n\n  after\n- two")).toEqual([
      "one\nmore\n  deep\n- nested\n\nafter",
      "two",
    ]);
  });

  it("say which headings and ticked items were left out", () => {
    const { rows, notes } = readPasted("Tickets:\n\n- [ ] one\n- [x] done\n\n## Later\n- two", "list");
    expect(rows.map(({ prompt }) => prompt)).toEqual(["one", "two"]);
    expect(notes).toEqual([
      "`Tickets:` was taken for a heading and left out.",
      "`## Later` was taken for a heading and left out.",
      "One ticked item was left out.",
    ]);
  });

  it("keep a loose sentence as a task of its own", () => {
    expect(prompts("- one\n\nAlso do this\n- two")).toEqual(["one", "Also do this", "two"]);
  });

  it("may be indented as a whole", () => {
    expect(prompts("  - one\n  - two", "list")).toEqual(["one", "two"]);
  });

  it("read Windows line ends and a byte order mark", () => {
    expect(prompts("\uFEFF1. one\r\n2. two\r\n")).toEqual(["one", "two"]);
  });
});

it("blocks are separated by blank lines, however many", () => {
  expect(prompts("a\nb\n\n \n\nc\nd\n")).toEqual(["a\nb", "c\nd"]);
});

it("a thousand lines are a thousand tasks", () => {
  const text = Array.from({ length: 1000 }, (_, index) => `Task number ${index}`).join("\n");
  const { rows } = readPasted(text);
  expect(rows).toHaveLength(1000);
  expect(new Set(rows.map(({ id }) => id)).size).toBe(1000);
});

it("gives rows ids that keep their order, and are of the hub's kind", () => {
  const ids = readPasted("x\n".repeat(5000), "lines").rows.map(({ id }) => id);
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids).size).toBe(5000);
  for (const id of ids)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

it("refuses to make tasks of a log", () => {
  const { rows, problem } = readPasted("x\n".repeat(20_001), "lines");
  expect(rows).toEqual([]);
  expect(problem).toContain("20001");
});

describe("tables", () => {
  it("are read by their header, quotes and line breaks included", () => {
    const { rows, notes } = readPasted('Title,Prompt,Mode,Issue,Owner\nA,"do ""it""\nnow",PLAN,#12,me');
    expect(rows[0]).toMatchObject({ title: "A", prompt: 'do "it"\nnow', mode: "plan", issue: "12" });
    expect(notes).toEqual(["The column `Owner` is not known and was left out."]);
  });

  it("may be separated by tabs", () => {
    expect(readPasted("title\tproject\nA\tweb").rows[0]).toMatchObject({ title: "A", project: "web" });
  });

  it("without a header are refused with what to do", () => {
    expect(readPasted("a,b\nc,d", "table").problem).toContain("`title` or `prompt`");
  });

  it("of one column have nothing to complain of", () => {
    const { rows, notes } = readPasted("prompt\nA\nB");
    expect(rows).toHaveLength(2);
    expect(notes).toEqual([]);
  });
});

describe("JSON", () => {
  it("may be texts and objects", () => {
    const { rows, notes } = readPasted('["A",{"title":"B","issue":3,"color":"red"},7]');
    expect(rows.map(titleOf)).toEqual(["A", "B"]);
    expect(rows[1]?.issue).toBe("3");
    expect(notes).toEqual([
      "Entry 3 is neither a text nor an object and was left out.",
      "The field `color` is not known and was left out.",
    ]);
  });

  it("that is broken says where", () => {
    expect(readPasted('[{"title":"A"', "json").problem).toContain("no valid JSON");
  });
});

describe("issue links", () => {
  it("are taken once each, and others are named", () => {
    const { rows, notes } = readPasted(
      "https://g.example/o/r/issues/1\nhttps://g.example/o/r/issues/1\nnope",
      "links",
    );
    expect(rows.map(({ link }) => link)).toEqual(["https://g.example/o/r/issues/1"]);
    expect(notes).toEqual(["`nope` is no link of an issue and was left out."]);
  });

  it("become tasks of what the hub finds, and say what it does not", () => {
    const link = "https://g.example/o/r/issues/1";
    const found: IssueFound = {
      link,
      project: "web",
      number: 1,
      title: "Bug",
      body: "It breaks.",
      problem: null,
    };
    const row = filledIn(emptyRow({ link }), found);
    expect(row).toMatchObject({ title: "Bug", project: "web", issue: "1", problem: "" });
    expect(row.prompt).toBe(`# Bug\n\nIt breaks.\n\nIssue: ${link}`);
    const problem = { code: "not_found", message: "There is no such issue.", hint: "" } as const;
    const lost = filledIn(emptyRow({ link }), { ...found, problem });
    expect(rowProblems(lost, shared, new Set(["demo"])).prompt).toBe("There is no such issue.");
  });

  it("are looked up in parts, and a part that fails fails alone", async () => {
    let asked = 0;
    const call = async (_: string, { links }: { links: string[] }) => {
      asked += 1;
      if (asked === 1) throw { code: "forge_unreachable", message: "No answer.", hint: "" };
      return links.map((link) => ({
        link,
        project: null,
        number: null,
        title: "T",
        body: "",
        problem: null,
      }));
    };
    const found: IssueFound[] = [];
    const links = Array.from({ length: 25 }, (_, index) => String(index));
    await lookUp({ call } as unknown as Client, links, (some) => (found.push(...some), true));
    expect(found).toHaveLength(25);
    expect(found.filter(({ problem }) => problem)).toHaveLength(20);
  });

  it("tell their number and their project", () => {
    expect(issueNumber("https://g.example/o/r/-/issues/42?x=1")).toBe(42);
    expect(issueNumber("#7")).toBe(7);
    expect(issueNumber("https://g.example/o/r")).toBeNull();
    const project = (name: string, repo: string) => builtProject(name, { repo });
    const projects = [
      project("web", "https://g.example/o/web.git"),
      project("api", "git@g.example:o/api.git"),
    ];
    expect(projectOf("https://g.example/O/web/issues/1", projects, [])).toBe("web");
    expect(projectOf("https://g.example/o/api/-/issues/1", projects, [])).toBe("api");
    expect(projectOf("https://g.example/o/other/issues/1", projects, [])).toBeNull();
    expect(projectOf("javascript:alert(1)", projects, [])).toBeNull();
  });
});

describe("rows", () => {
  const projects = new Set(["demo"]);

  it("say what is wrong by cell", () => {
    const row = emptyRow({ prompt: " ", project: "nope", mode: "yolo", issue: "x" });
    expect(Object.keys(rowProblems(row, shared, projects)).sort()).toEqual([
      "issue",
      "mode",
      "project",
      "prompt",
    ]);
    expect(rowProblems(emptyRow({ title: "A" }), shared, projects)).toEqual({});
    expect(rowProblems(emptyRow({ title: "A" }), { ...shared, project: "" }, projects)).toHaveProperty(
      "project",
    );
  });

  it("count the bytes of a prompt, not its letters", () => {
    expect(promptProblem("a".repeat(1024 * 1024))).toBeNull();
    expect(promptProblem("ü".repeat(600_000))).toContain("1 MiB");
  });

  it("that say the same are pointed at the first", () => {
    const [one, two, three] = [
      emptyRow({ prompt: "Fix  it" }),
      emptyRow({ prompt: "fix it\n" }),
      emptyRow({ prompt: "fix it", project: "web" }),
    ] as const;
    const same = duplicates([one, two, three], shared);
    expect(same.get(two.id)).toBe(0);
    expect(same.has(three.id)).toBe(false);
  });

  it("become tasks with the shared defaults", () => {
    const row = emptyRow({ title: "A", mode: "plan", issue: "3" });
    expect(taskOf(row, shared)).toMatchObject({
      id: row.id,
      project: "demo",
      prompt: "A",
      mode: "plan",
      on_timeout: "pause",
      issue: 3,
      hold: true,
      agent: null,
    });
  });
});

describe("filing", () => {
  const some = (count: number, prompt = "x") =>
    Array.from({ length: count }, () => taskOf(emptyRow({ prompt }), shared));

  it("is in parts that the hub takes", () => {
    expect(parts(some(2500)).map((part) => part.length)).toEqual([1000, 1000, 500]);
    expect(parts(some(5, "x".repeat(500_000))).every((part) => part.length <= 2)).toBe(true);
    expect(parts(some(1, "x".repeat(5_000_000)))).toHaveLength(1);
  });

  it("keeps what was filed when a part is refused, and asks with the same ids again", async () => {
    const asked: string[][] = [];
    let fails = true;
    const call = async (_: string, { tasks }: { tasks: NewTask[] }) => {
      asked.push(tasks.map(({ id }) => id ?? ""));
      if (asked.length === 2 && fails) throw { code: "internal", message: "Lost.", hint: "" };
      return tasks;
    };
    const tasks = some(1500);
    const client = { call } as unknown as Client;
    const first = await fileAll(client, tasks, null, () => undefined);
    expect(first.filed).toHaveLength(1000);
    expect(first.problem?.message).toBe("Lost.");
    fails = false;
    const second = await fileAll(client, tasks, null, () => undefined);
    expect(second.problem).toBeNull();
    expect(asked[3]).toEqual(asked[1]);
  });
});
