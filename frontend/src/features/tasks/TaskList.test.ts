import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { afterEach, describe, expect, it } from "vitest";
import { route } from "$/state/route.svelte";
import { shortcuts } from "$/ui/shortcuts";
import { failed, task } from "../../../tests/builders";
import { FakeHub } from "../../../tests/fake-hub";
import TaskList from "./TaskList.svelte";

const tasks = [
  task("1", { title: "Alpha", project: "web" }),
  task("2", { title: "Beta", project: "api", state: "working", phase: "agent_running" }),
  failed("3", { title: "Gamma" }),
];

/** Of the rows that are tasks. */
const titles = () =>
  screen.getAllByRole("listitem").flatMap((row) => row.querySelector(".title a")?.textContent ?? []);

function press(key: string, ctrlKey = false): void {
  shortcuts.handle(new KeyboardEvent("keydown", { key, ctrlKey }));
}

afterEach(() => {
  cleanup();
  localStorage.clear();
});

describe("the task list", () => {
  it("groups tasks by how much they need a person", async () => {
    await new FakeHub({ tasks }).open("/tasks");
    render(TaskList);
    expect(titles()).toEqual(["Gamma", "Beta", "Alpha"]);
  });

  it("is filtered by its URL, and writes what is typed into it", async () => {
    await new FakeHub({ tasks }).open("/tasks?project=web");
    render(TaskList);
    expect(titles()).toEqual(["Alpha"]);
    await fireEvent.input(screen.getByRole("searchbox"), { target: { value: "nothing" } });
    expect(route.place.query.get("q")).toBe("nothing");
    await fireEvent.click(await screen.findByText("Clear filters"));
    await waitFor(() => expect(titles()).toHaveLength(3));
  });

  it("takes a view's name for its filter", async () => {
    await new FakeHub({ tasks }).open("/tasks?view=failed");
    render(TaskList);
    await waitFor(() => expect(location.search).toBe("?state=failed"));
    expect(titles()).toEqual(["Gamma"]);
  });

  it("says how many are stopped, stops those, and tells which were refused", async () => {
    const hub = new FakeHub(
      { tasks },
      {
        task_stop: ({ task: id }) => {
          if (id === "2") throw { code: "precondition", message: "It is being published.", hint: "" };
          return task(id);
        },
      },
    );
    await hub.open("/tasks");
    render(TaskList);
    press("a", true);
    const bar = await screen.findByRole("toolbar", { name: "Chosen tasks" });
    await fireEvent.click(within(bar).getByRole("button", { name: /Stop/ }));
    expect(await screen.findByText(/One of the chosen is left out: ended already/)).toBeTruthy();
    expect(hub.of("task_stop")).toEqual([]);
    await fireEvent.click(screen.getByRole("button", { name: "Stop 2 tasks" }));
    expect(await screen.findByText("It is being published.")).toBeTruthy();
    expect(hub.of("task_stop")).toHaveLength(2);
  });

  it("offers the first task where there is none", async () => {
    await new FakeHub({}).open("/tasks");
    render(TaskList);
    expect(screen.getByText("No tasks yet")).toBeTruthy();
  });
});
