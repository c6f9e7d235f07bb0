import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { afterEach, describe, expect, it } from "vitest";
import type { NewTask as Wanted, NewTasks, Profile } from "$/api/generated/proto";
import { route } from "$/state/route.svelte";
import { agent, project, runner, task } from "../../../tests/builders";
import { FakeHub } from "../../../tests/fake-hub";
import { agentLabel, knownAgents } from "./agents";
import { fileProblem, freeName } from "./attachments.svelte";
import NewTask from "./NewTask.svelte";
import PasteMany from "./PasteMany.svelte";
import { prefillOf } from "./prefill";

const made = (wanted: Wanted) =>
  task(wanted.id ?? "", { title: wanted.title ?? wanted.prompt, group: wanted.group ?? null });
const batch = { id: "batch", name: "", at_most: null };

function hub(): FakeHub {
  return new FakeHub(
    { runners: [runner("a")] },
    {
      task_new: made,
      task_new_many: ({ tasks, batch: asked }: NewTasks) =>
        tasks.map((one) => ({ ...made(one), batch: asked ? batch : null })),
    },
  );
}

const prompt = () => screen.getByLabelText("What is to be done?");

afterEach(() => {
  cleanup();
  localStorage.clear();
  sessionStorage.clear();
});

describe("a new task", () => {
  it("on the demo project is one click, and goes to the task", async () => {
    const fake = hub();
    await fake.open("/new");
    render(NewTask);
    await fireEvent.click(await screen.findByRole("button", { name: /File the demo task/ }));
    await waitFor(() => expect(route.place.path[0]).toBe("tasks"));
    expect(fake.of("task_new")[0]).toMatchObject({ project: "demo", prompt: "", mode: "auto" });
  });

  it("takes what is not said from a profile, and tells the login before the start", async () => {
    const careful: Profile = {
      name: "careful",
      agent: "claude",
      provider: "team",
      model: null,
      mode: "plan",
      limits: null,
      remote_control: false,
    };
    const fake = new FakeHub(
      { runners: [runner("a")] },
      {
        task_new: made,
        profile_list: () => [careful],
        project_list: () => [project("site", { profile: "careful" })],
        login_show: ({ project: of }) => ({
          agent: "claude",
          profile: "careful",
          provider: "team",
          fallbacks: [],
          words: `provider team of ${of}, API key, from the keychain`,
          problem: null,
        }),
      },
    );
    await fake.open("/new");
    render(NewTask);
    await screen.findByText("Effective login: provider team of site, API key, from the keychain");
    expect(screen.getByRole<HTMLInputElement>("radio", { name: /plan/i }).checked).toBe(true);
    await fireEvent.input(prompt(), { target: { value: "Do it" } });
    await fireEvent.click(screen.getByRole("button", { name: "File, and write another" }));
    await waitFor(() => expect(fake.of("task_new")).toHaveLength(1));
    expect(fake.of("task_new")[0]).toMatchObject({ profile: null, agent: null, mode: null, limits: null });
    await fireEvent.click(screen.getByRole("radio", { name: /ask/i }));
    await fireEvent.input(prompt(), { target: { value: "Do more" } });
    await fireEvent.click(screen.getByRole("button", { name: /File task/ }));
    await waitFor(() => expect(fake.of("task_new")).toHaveLength(2));
    expect(fake.of("task_new")[1]).toMatchObject({ profile: null, mode: "ask", limits: null });
  });

  it("keeps its id when the answer was lost, and its text when the hub is gone", async () => {
    const fake = hub();
    await fake.open("/new");
    const { unmount } = render(NewTask);
    await fireEvent.input(prompt(), { target: { value: "Do it" } });
    fake.isGone = true;
    await fireEvent.click(screen.getByRole("button", { name: /File task/ }));
    await screen.findByText("The hub cannot be reached.");
    fake.isGone = false;
    await fireEvent.click(screen.getByRole("button", { name: "Try again" }));
    await waitFor(() => expect(fake.of("task_new")).toHaveLength(2));
    const [first, second] = fake.of("task_new");
    expect(second?.["id"]).toBe(first?.["id"]);
    unmount();
  });

  it("survives a reload while it is written", async () => {
    await hub().open("/new");
    const { unmount } = render(NewTask);
    await fireEvent.input(prompt(), { target: { value: "Half a thou" } });
    unmount();
    render(NewTask);
    expect((prompt() as HTMLTextAreaElement).value).toBe("Half a thou");
  });

  it("by several agents is one group, filed at once", async () => {
    const fake = hub();
    await fake.open("/new");
    render(NewTask);
    await fireEvent.input(prompt(), { target: { value: "Do it" } });
    await fireEvent.click(screen.getByRole("button", { name: /Best of several/ }));
    await fireEvent.click(await screen.findByRole("button", { name: /File 2 tasks/ }));
    await waitFor(() => expect(route.place.path[0]).toBe("compare"));
    const tasks = fake.of("task_new_many")[0]?.["tasks"] as Wanted[];
    expect(new Set(tasks.map(({ group }) => group)).size).toBe(1);
    expect(new Set(tasks.map(({ id }) => id)).size).toBe(2);
  });

  it("from a link is shown, does nothing, and leaves what was being written alone", async () => {
    localStorage.setItem("pilothouse.draft.new", "My own");
    const fake = hub();
    await fake.open("/new?prompt=Theirs&mode=yolo&project=gone");
    render(NewTask);
    expect(await screen.findByText(/Filled in by a link/)).toBeTruthy();
    expect((prompt() as HTMLTextAreaElement).value).toBe("Theirs");
    expect(screen.getByText(/mode is no mode/)).toBeTruthy();
    expect(screen.getByText(/`gone`, which is not here/)).toBeTruthy();
    expect(fake.asked.every(({ name }) => !name.startsWith("task_") && name !== "issue_look_up")).toBe(true);
    await fireEvent.click(screen.getByRole("button", { name: "Put it away" }));
    await waitFor(() => expect((prompt() as HTMLTextAreaElement).value).toBe("My own"));
  });

  it("has the budget that was typed, and is not filed with what is none", async () => {
    const fake = hub();
    await fake.open("/new");
    render(NewTask);
    await fireEvent.input(prompt(), { target: { value: "Do it" } });
    await fireEvent.click(screen.getByText(/^More: /));
    const budget = await screen.findByLabelText("Budget");
    await fireEvent.input(budget, { target: { value: "much" } });
    await fireEvent.click(screen.getByRole("button", { name: /File task/ }));
    expect(await screen.findByText(/An amount in dollars/)).toBeTruthy();
    expect(fake.of("task_new")).toEqual([]);
    await fireEvent.input(budget, { target: { value: "2.50" } });
    await fireEvent.click(screen.getByRole("button", { name: /File task/ }));
    await waitFor(() =>
      expect(fake.of("task_new")[0]).toMatchObject({ limits: { budget_micros: 2_500_000 } }),
    );
  });

  it("is not filed without knowing what to do", async () => {
    const fake = hub();
    fake.answers.project_list = () => [project("web", { agent: "claude" })];
    await fake.open("/new");
    render(NewTask);
    await fireEvent.click(await screen.findByRole("button", { name: /File task/ }));
    expect(await screen.findByText("There is nothing to do in it.")).toBeTruthy();
    expect(fake.of("task_new")).toEqual([]);
  });
});

describe("paste many", () => {
  it("makes rows of a list, and files them with their batch", async () => {
    const fake = hub();
    await fake.open("/new/many");
    render(PasteMany);
    const list = Array.from({ length: 40 }, (_, index) => `- Ticket ${index}`).join("\n");
    await fireEvent.input(screen.getByLabelText(/Paste a list/), { target: { value: list } });
    await fireEvent.click(screen.getByRole("button", { name: "Make tasks" }));
    await fireEvent.input(await screen.findByLabelText("At most so many at once"), {
      target: { value: "3" },
    });
    await fireEvent.input(screen.getByLabelText("Name of the batch"), { target: { value: "Sprint" } });
    await fireEvent.click(screen.getByRole("button", { name: "File 40 tasks" }));
    expect(await screen.findByText("40 tasks are filed.")).toBeTruthy();
    expect(screen.getByRole("link", { name: "Show them" }).getAttribute("href")).toBe("/tasks?batch=batch");
    const asked = fake.of("task_new_many")[0];
    expect(asked?.["batch"]).toEqual({ name: "Sprint", at_most: 3 });
    expect((asked?.["tasks"] as Wanted[]).every(({ project }) => project === "demo")).toBe(true);
  });

  it("says how many rows cannot be filed, and files none meanwhile", async () => {
    await hub().open("/new/many");
    render(PasteMany);
    const table = "title,project\nOne,demo\nTwo,nope";
    await fireEvent.input(screen.getByLabelText(/Paste a list/), { target: { value: table } });
    await fireEvent.click(screen.getByRole("button", { name: "Make tasks" }));
    expect(await screen.findByText("1 row cannot be filed yet.")).toBeTruthy();
    expect(screen.getByRole<HTMLButtonElement>("button", { name: "File 2 tasks" }).disabled).toBe(true);
  });
});

describe("what goes into a task", () => {
  it("agents: those a runner can start come first, with what keeps the others", () => {
    const broken = agent("codex", { problem: "Not logged in." });
    const base = runner("a");
    const here = { ...base, about: { ...base.about, agents: [...base.about.agents, broken] } };
    const away = runner("b", { online: false });
    away.about = {
      ...away.about,
      agents: [agent("claude", { version: "2" })],
    };
    const known = knownAgents([here, away], [], []);
    expect(known.map(agentLabel)).toEqual([
      "scripted · 0.1.0",
      "claude · no runner has it",
      "codex · has a problem",
    ]);
    expect(known[2]?.problem).toBe("Not logged in.");
  });

  it("files: images and text of a bounded size, each with a name of its own", () => {
    expect(fileProblem({ name: "a.png", type: "image/png", size: 5 })).toBeNull();
    expect(fileProblem({ name: "a.log", type: "", size: 5 })).toBeNull();
    expect(fileProblem({ name: "a.mp4", type: "video/mp4", size: 5 })).toContain("Only");
    expect(fileProblem({ name: "a.png", type: "image/png", size: 11 * 1024 * 1024 })).toContain("10 MB");
    expect(freeName("C:\\x\\image.png", ["image.png", "image-2.png"])).toBe("image-3.png");
  });

  it("links: nothing that is no word, no mode or no issue gets through", () => {
    const query = new URLSearchParams({
      agent: "<b>",
      model: "opus-4.1",
      issue: "javascript:alert(1)",
      mode: "ask",
    });
    const filled = prefillOf(query, [], []);
    expect(filled).toMatchObject({ agent: "", model: "opus-4.1", issue: "", issueLink: "", mode: "ask" });
    expect(filled.notes).toHaveLength(2);
  });
});
