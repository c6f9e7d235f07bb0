import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { afterEach, describe, expect, it } from "vitest";
import type { JournalEvent, JournalRecord, ModelCall, NetworkPolicy } from "$/api/generated/proto";
import { route } from "$/state/route.svelte";
import { audit, NOON, project, task, tried } from "../../../tests/builders";
import { FakeHub } from "../../../tests/fake-hub";
import { Audit } from "./audit.svelte";
import { sumOf, turnsOf } from "./calls";
import Network from "./Network.svelte";
import { differenceOf } from "./proposal";
import { filterOf, rowsOf, ruleFor, sumsOf } from "./tries";

const DENIED = { allowed: false, host: "telemetry.example", because: "no rule allows it", process: "next" };

function call(change: Partial<ModelCall> = {}, cost: number | null = 1000): ModelCall {
  return {
    provider: "anthropic",
    dialect: "anthropic",
    model: "m",
    status: 200,
    usage: {
      input_tokens: 10,
      output_tokens: 2,
      cache_read_tokens: 0,
      cache_write_tokens: 0,
      cost_micros: cost,
    },
    first_ms: 5,
    total_ms: 9,
    attempts: 1,
    ...change,
  };
}

const record = (seq: number, event: JournalEvent): JournalRecord => ({
  epoch: 1,
  seq,
  at: NOON + seq,
  event,
});

function hub(seen = audit()): FakeHub {
  const end = { fence: 1, seq: 5, at: NOON };
  return new FakeHub(
    { tasks: [task("t1", { state: "working", phase: "agent_running", run: "run-t1" })] },
    {
      task_network: () => seen,
      task_journal: () => ({ run: "run-t1", records: [], end }) as never,
      task_show: () => ({ ...task("t1", { run: "run-t1" }), runs: [] }) as never,
      project_allow: () => project("demo"),
    },
  );
}

afterEach(() => {
  cleanup();
  localStorage.clear();
});

describe("tries", () => {
  const tries = [
    tried(1),
    tried(2, { ...DENIED, count: 3 }),
    tried(3),
    tried(4, DENIED),
    tried(5, { ...DENIED, host: "other.example" }),
  ];

  it("gathers denials that are alike, and leaves what passed alone, newest first", () => {
    const rows = rowsOf(tries, { show: "all", host: "" });
    expect(rows.map(({ target, count }) => `${target} ${count}`)).toEqual([
      "other.example:443 1",
      "telemetry.example:443 4",
      "registry.npmjs.org:443 1",
      "registry.npmjs.org:443 1",
    ]);
  });

  it("shows what the URL asks for", () => {
    const only = filterOf(new URLSearchParams("show=denied&host=TELE"));
    expect(rowsOf(tries, only).map(({ target }) => target)).toEqual(["telemetry.example:443"]);
  });

  it("takes a command for the same whatever its number", () => {
    const again = [
      tried(1, { ...DENIED, process: "curl (7)" }),
      tried(2, { ...DENIED, process: "curl (9)" }),
    ];
    expect(rowsOf(again, { show: "all", host: "" }).map(({ count }) => count)).toEqual([2]);
  });

  it("adds up decisions, not lines, and bytes of what has ended", () => {
    const ended = { ...tried(6), end: { id: 6, sent: 7, received: 900, ms: 4 } };
    expect(sumsOf([...tries, ended])).toEqual({ allowed: 3, denied: 5, sent: 7, received: 900, open: 2 });
  });

  it("names the rule as narrow as the try", () => {
    expect(ruleFor({ host: "a.example", port: 8443 })).toBe("a.example:8443");
    expect(ruleFor({ host: "a.example", port: 0 })).toBe("a.example");
    expect(ruleFor({ host: "2001:db8::1", port: 443 })).toBe("[2001:db8::1]:443");
  });
});

describe("what is told live", () => {
  async function read(seen = audit()): Promise<Audit> {
    const session = await hub(seen).open("/");
    const told = new Audit(session, "t1", "run-t1");
    await told.read();
    return told;
  }

  it("is counted once, although it is told twice", async () => {
    const told = await read(audit({ tries: [tried(1)], calls: [call()] }));
    told.take([
      record(6, { type: "network", ...tried(1).decision }),
      record(7, { type: "network", ...tried(2, DENIED).decision }),
      record(8, { type: "network_ended", id: 1, sent: 1, received: 2, ms: 3 }),
      record(9, { type: "model_called", ...call() }),
      record(10, { type: "model_called", ...call() }),
    ]);
    expect(told.seen?.tries.map(({ decision }) => decision.id)).toEqual([1, 2]);
    expect(told.seen?.tries[0]?.end).toMatchObject({ sent: 1, received: 2 });
    expect(told.seen?.calls).toHaveLength(2);
  });

  it("lets the oldest go, and says how many decisions went with them", async () => {
    const many = Array.from({ length: 2000 }, (_, at) => tried(at + 1, { count: 2 }));
    const told = await read(audit({ tries: many, lost: 5 }));
    told.take([record(6, { type: "network", ...tried(2001).decision })]);
    expect(told.seen?.tries).toHaveLength(2000);
    expect(told.seen?.lost).toBe(7);
  });

  it("asks the hub anew how much was lost", async () => {
    const seen = audit({ lost: 1 });
    const told = await read(seen);
    seen.lost = 40;
    told.take([record(6, { type: "network_lost", decisions: 39 })]);
    await waitFor(() => expect(told.seen?.lost).toBe(40));
  });
});

describe("calls to models", () => {
  it("are summed, and one without a price is not taken for free", () => {
    const sum = sumOf([call(), call({}, null), call({}, 500)]);
    expect(sum).toMatchObject({ calls: 3, priceless: 1, usage: { input_tokens: 30, cost_micros: 1500 } });
    expect(sumOf([call({}, null)]).usage.cost_micros).toBeNull();
  });

  it("belong to the turn that was under way", () => {
    const turn = (seq: number, number: number) =>
      record(seq, { type: "turn_started", turn: number, prompt: "" });
    const called = (seq: number) => record(seq, { type: "model_called", ...call() });
    const first = turnsOf([called(1), turn(2, 1), called(3)]);
    const all = turnsOf([called(4), turn(5, 2), called(6)], first);
    expect(all.map(({ turn: number, calls }) => [number, calls])).toEqual([
      [0, 1],
      [1, 2],
      [2, 1],
    ]);
  });
});

it("a proposal adds what is missing, and takes nothing away", () => {
  const has: NetworkPolicy = {
    gate: "enforce",
    presets: ["npm"],
    allow: ["a.example", "b.example"],
    deny: [],
  };
  const wants: NetworkPolicy = { ...has, presets: ["crates"], allow: ["b.example", "c.example"] };
  expect(differenceOf(has, wants)).toEqual({
    rules: [
      { rule: "a.example", change: "unused" },
      { rule: "b.example", change: "same" },
      { rule: "c.example", change: "added" },
    ],
    added: ["c.example"],
    presets: ["crates"],
    unused: ["npm"],
  });
});

describe("the page", () => {
  it("says loudly that there were no walls and no gate", async () => {
    const walls = { kind: "off" as const, holds: [], lacks: [], limits: [] };
    await hub(audit({ walls, policy: { ...project("demo").network, gate: "off" } })).open(
      "/tasks/t1/network",
    );
    render(Network, { task: "t1" });
    expect(await screen.findByText("This run had no walls.")).toBeTruthy();
    expect(screen.getByText("The network gate was off.")).toBeTruthy();
    expect(screen.getByText("Nothing was written down.")).toBeTruthy();
  });

  it("keeps its filter in the URL", async () => {
    await hub(audit({ tries: [tried(1), tried(2, DENIED)] })).open("/tasks/t1/network");
    render(Network, { task: "t1" });
    await fireEvent.click(await screen.findByRole("radio", { name: /Denied 1/ }));
    expect(route.place.query.get("show")).toBe("denied");
    const host = screen.getByLabelText("Only hosts with this in their name");
    await fireEvent.input(host, { target: { value: "nowhere" } });
    expect(route.place.query.get("host")).toBe("nowhere");
    expect(await screen.findByText(/No host with/)).toBeTruthy();
  });

  it("adds what a run needed to the project's policy, after a look", async () => {
    const proposal = { ...project("demo").network, allow: ["storage.example", DENIED.host] };
    const fake = hub(audit({ tries: [tried(1), tried(2, DENIED)], proposal }));
    await fake.open("/tasks/t1/network");
    render(Network, { task: "t1" });
    await fireEvent.click(await screen.findByRole("button", { name: "Make a policy of this" }));
    expect(fake.of("project_allow")).toEqual([]);
    const refused = screen.getByRole<HTMLInputElement>("checkbox", { name: `Allow ${DENIED.host}` });
    expect(refused.checked).toBe(false);
    await fireEvent.click(await screen.findByRole("button", { name: "Add 1 rule" }));
    await waitFor(() =>
      expect(fake.of("project_allow")).toEqual([{ name: "demo", rules: ["storage.example"] }]),
    );
  });
});
