import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, describe, expect, it } from "vitest";
import type { InboxItem } from "$/api/generated/proto";
import { route } from "$/state/route.svelte";
import { shortcuts } from "$/ui/shortcuts";
import { failed, MINUTE, NOON, permission, refused, task } from "../../../tests/builders";
import { FakeHub } from "../../../tests/fake-hub";
import Inbox from "./Inbox.svelte";

const asked = (id: string, at: number) => permission(id, { asked_at: at, deadline: null });
const working = (id: string) =>
  task(`task-${id}`, { state: "needs_you", need: "permission", item: id, title: `Work ${id}` });

function hubWith(items: InboxItem[]): FakeHub {
  const answer = (request: { item: string }) =>
    items.find(({ id }) => id === request.item) ?? asked("none", 0);
  const tasks = [
    ...items.map(({ id }) => working(id)),
    failed("broken", { title: "Broken", since: NOON - MINUTE }),
  ];
  return new FakeHub({ tasks, inbox: items }, { inbox_answer: answer, task_again: () => task("broken") });
}

function press(key: string, shiftKey = false): void {
  shortcuts.handle(new KeyboardEvent("keydown", { key, shiftKey }));
}

function closed(item: InboxItem, name: string): InboxItem {
  const decider = { by: "person" as const, name };
  return { ...item, answered: { answer: { answer: "deny", reason: "Too late." }, decider, at: NOON } };
}

afterEach(() => {
  cleanup();
  localStorage.clear();
});

describe("the inbox", () => {
  it("shows what needs a person, oldest first, and opens the oldest", async () => {
    await hubWith([asked("b", NOON + MINUTE), asked("a", NOON)]).open("/");
    render(Inbox);
    const titles = screen.getAllByRole("listitem").map((row) => row.querySelector(".title")?.textContent);
    expect(titles).toEqual(["Broken", "Work a", "Work b"]);
    expect(screen.getByText("Setup step 1 ended with 2.")).toBeTruthy();
  });

  it("allows by key, and goes on to the next when the hub has closed the item", async () => {
    const first = asked("a1", NOON);
    const hub = hubWith([first, asked("b1", NOON + MINUTE)]);
    await hub.open("/?item=a1");
    render(Inbox);
    press("a");
    await waitFor(() =>
      expect(hub.of("inbox_answer")).toEqual([{ item: "a1", answer: "allow", input: null, for_run: false }]),
    );
    await hub.tell({ type: "inbox", item: closed(first, "anna") });
    await waitFor(() => expect(route.place.query.get("item")).toBe("b1"));
    expect(screen.queryByText(/Denied by/)).toBeNull();
  });

  it("allows for the whole run with shift", async () => {
    const hub = hubWith([asked("a2", NOON)]);
    await hub.open("/?item=a2");
    render(Inbox);
    press("A", true);
    await waitFor(() => expect(hub.of("inbox_answer")[0]).toMatchObject({ for_run: true }));
  });

  it("allows for the project by the rule that was chosen, and refuses for ever", async () => {
    const item = permission("p1", {
      asked_at: NOON,
      deadline: null,
      ask: {
        kind: "permission",
        tool: "Bash",
        input: { command: "cargo test --all" },
        summary: "cargo test --all",
        commands: ["cargo test --all"],
      },
    });
    const hub = hubWith([item]);
    await hub.open("/?item=p1");
    render(Inbox);
    await fireEvent.click(await screen.findByRole("button", { name: "Always or never…" }));
    await fireEvent.click(screen.getByRole("radio", { name: /beginning with/ }));
    await fireEvent.click(screen.getByRole("button", { name: "Allow for this project" }));
    const rule = { decision: "allow", tool: "Bash", command: "cargo test *" };
    await waitFor(() =>
      expect(hub.of("inbox_answer")[0]).toMatchObject({ answer: "allow", for_project: true, rule }),
    );
  });

  it("says by whom an item was answered elsewhere, and keeps what was typed", async () => {
    const first = asked("a3", NOON);
    const hub = hubWith([first]);
    hub.answers.inbox_list = () => [closed(first, "bert")];
    await hub.open("/?item=a3");
    render(Inbox);
    press("d");
    const reason = await screen.findByLabelText(/Why not/);
    await fireEvent.input(reason, { target: { value: "because" } });
    await hub.tell({ type: "inbox", item: closed(first, "bert") });
    expect(await screen.findByText("Denied by bert")).toBeTruthy();
    expect(screen.getByText("because")).toBeTruthy();
  });

  it("keeps an answer that did not arrive, to be sent again", async () => {
    const hub = hubWith([asked("a4", NOON)]);
    await hub.open("/?item=a4");
    render(Inbox);
    press("d");
    await fireEvent.input(await screen.findByLabelText(/Why not/), { target: { value: "not now" } });
    hub.isGone = true;
    await fireEvent.click(screen.getByRole("button", { name: "Deny" }));
    expect(await screen.findByText(/kept here/)).toBeTruthy();
    hub.isGone = false;
    await fireEvent.click(screen.getByRole("button", { name: "Deny" }));
    await waitFor(() => expect(hub.of("inbox_answer")).toHaveLength(2));
    expect(hub.of("inbox_answer")[1]).toMatchObject({ answer: "deny", reason: "not now" });
  });

  it("runs what failed again", async () => {
    const hub = hubWith([]);
    await hub.open("/?item=broken");
    render(Inbox);
    await fireEvent.click(screen.getByRole("button", { name: /Run again/ }));
    await waitFor(() => expect(hub.of("task_again")).toEqual([{ task: "broken" }]));
    await hub.tell({ type: "task", task: task("broken") });
    expect(await screen.findByText("Nothing needs you")).toBeTruthy();
  });

  it("lets each refused host through by itself, without a clock", async () => {
    const hub = hubWith([refused("n1", "one.example"), refused("n2", "two.example")]);
    await hub.open("/?item=n2");
    render(Inbox);
    expect(await screen.findByRole("heading", { name: "2 hosts were refused" })).toBeTruthy();
    const group = screen.getByRole("group", { name: "What becomes of two.example:443" });
    await fireEvent.click(within(group).getByRole("button", { name: "Allow for this run" }));
    await waitFor(() =>
      expect(hub.of("inbox_answer")).toEqual([
        { item: "n2", answer: "allow", input: null, for_run: true, for_project: false },
      ]),
    );
    expect(screen.getByRole("group", { name: "What becomes of one.example:443" })).toBeTruthy();
  });

  it("lets only an admin change what a project may reach, and says so", async () => {
    const hub = hubWith([refused("n3", "one.example")]);
    hub.answers.hub_status = () =>
      ({ build: "0.1.0", runner_version: 1, you: "ada", role: "approver", credentials: "keychain" }) as never;
    await hub.open("/?item=n3");
    render(Inbox);
    const button = await screen.findByRole<HTMLButtonElement>("button", { name: "Allow for this project" });
    expect(button.disabled).toBe(true);
    expect(screen.getByText(/Only an admin/)).toBeTruthy();
    expect(screen.getByRole<HTMLButtonElement>("button", { name: "Deny" }).disabled).toBe(false);
  });

  it("gives as much again, or ends the task, when a budget is used up", async () => {
    const ask = { kind: "budget" as const, spent_micros: 2_500_000, budget_micros: 2_500_000 };
    const hub = hubWith([permission("b1", { ask, deadline: null })]);
    await hub.open("/?item=b1");
    render(Inbox);
    expect((await screen.findAllByText(/\$2.50 of \$2.50 spent/)).length).toBeGreaterThan(0);
    await fireEvent.click(screen.getByRole("button", { name: "End the task" }));
    await waitFor(() =>
      expect(hub.of("inbox_answer")[0]).toEqual({ item: "b1", answer: "deny", reason: "" }),
    );
  });
});
