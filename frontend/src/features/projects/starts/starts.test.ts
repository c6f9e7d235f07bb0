import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { afterEach, describe, expect, it } from "vitest";
import { fault } from "$/api/errors";
import type { IntakeSeen, NewSchedule, Project, ScheduleSeen } from "$/api/generated/proto";
import { project, task } from "../../../../tests/builders";
import { FakeHub } from "../../../../tests/fake-hub";
import { restsBecause, scheduleFieldsOf, scheduleOf, scheduleProblems } from "./schedule-fields";
import StartsSheet from "./StartsSheet.svelte";
import { isIdle, policyOf, triggerFieldsOf, triggerProblems } from "./trigger-fields";

const site = project("site", { forge: "home" });
const TIMES = ["2026-11-23 03:00 +01:00", "2026-11-24 03:00 +01:00"].map((local, at) => ({ at, local }));

function schedule(name: string, change: Partial<ScheduleSeen> = {}): ScheduleSeen {
  const state = { seen: 0, open: [], filed: 0, failed: 0, spent_micros: 0 };
  const whole = { id: name, project: "site", name, cron: "0 3 * * *", zone: "Europe/Berlin" };
  return { ...whole, prompt: "tidy up\nall of it", state, next: TIMES, ...change };
}

function seenOf(policy: Partial<IntakeSeen> = {}): IntakeSeen {
  return { ...policyOf("site", triggerFieldsOf(null)), label: "agent", webhook: false, ...policy };
}

interface World {
  of?: Project;
  intake?: IntakeSeen[];
  schedules?: ScheduleSeen[];
}

async function open(part: "issues" | "schedules", world: World = {}): Promise<FakeHub> {
  const list = world.schedules ?? [];
  const fake = new FakeHub(
    {},
    {
      project_list: () => [world.of ?? site],
      intake_list: () => world.intake ?? [],
      intake_set: (policy) => ({ ...policy, webhook: false }),
      intake_remove: () => ({}),
      schedule_list: () => list,
      schedule_preview: ({ cron }) => {
        if (cron === "often") throw fault("invalid", "`cron`: five fields are needed; there are 1.", "So.");
        return { says: `Says ${cron}`, next: TIMES };
      },
      schedule_set: (wanted: NewSchedule) => {
        const set = schedule(wanted.schedule, { cron: wanted.cron, prompt: wanted.prompt });
        list.push(set);
        return set;
      },
      schedule_pause: ({ paused }) => schedule("nightly", { paused }),
      schedule_run: () => task("t1", { title: "Tidy up" }),
      schedule_remove: () => ({}),
    },
  );
  await fake.open(`/projects?starts=site&part=${part}`);
  render(StartsSheet, { project: world.of ?? site, onclose: () => undefined });
  return fake;
}

const type = (label: string, value: string) =>
  fireEvent.input(screen.getByLabelText(new RegExp(`^${label}`)), { target: { value } });
const press = async (name: string) => fireEvent.click(await screen.findByRole("button", { name }));

afterEach(() => {
  cleanup();
  localStorage.clear();
});

describe("what starts by itself from issues", () => {
  it("is set as it was typed", async () => {
    const fake = await open("issues");
    expect(await screen.findByText("No issue becomes a task by itself.")).toBeTruthy();
    expect(screen.getByRole<HTMLButtonElement>("button", { name: "Save" }).disabled).toBe(true);
    await type("Label that makes an issue a task", " agent ");
    await fireEvent.click(screen.getByRole("radio", { name: /^The forge tells the hub/ }));
    await press("Save");
    await waitFor(() => expect(fake.of("intake_set")).toHaveLength(1));
    expect(fake.of("intake_set")[0]).toMatchObject({ project: "site", label: "agent", way: "webhook" });
  });

  it("says what the last look came to, and ends by a person's word", async () => {
    const problem = fault("unauthorized", "The token has expired.", "Give another.");
    const fake = await open("issues", { intake: [seenOf({ problem })] });
    expect(await screen.findByText("The token has expired. Give another.")).toBeTruthy();
    await press("Nothing starts any more");
    await press("End it");
    await waitFor(() => expect(fake.of("intake_remove")).toEqual([{ name: "site" }]));
  });

  it("needs a forge", async () => {
    await open("issues", { of: project("site") });
    expect(await screen.findByText("No forge")).toBeTruthy();
  });

  it("keeps what is wrong from being saved", () => {
    const fields = triggerFieldsOf(null);
    expect(isIdle(fields)).toBe(true);
    expect(triggerProblems(fields)).toEqual({});
    expect(triggerProblems({ ...fields, every: "1" }).every).toBeTruthy();
    expect(triggerProblems({ ...fields, every: "1", way: "webhook" })).toEqual({});
    expect(triggerProblems({ ...fields, label: "a,b" }).label).toBeTruthy();
    const seen = seenOf({ comments: true, poll_secs: 30 });
    expect(policyOf("site", triggerFieldsOf(seen))).toMatchObject({ comments: true, poll_secs: 30 });
  });
});

describe("what starts by the clock", () => {
  it("is added with what its expression means, and says what is wrong with it", async () => {
    const fake = await open("schedules");
    expect(await screen.findByText("No schedules")).toBeTruthy();
    await press("Add a schedule");
    await type("Name", "nightly");
    await type("When", "often");
    await fireEvent.input(screen.getByLabelText(/^What the agent is told/), { target: { value: "tidy up" } });
    expect(await screen.findByText(/five fields are needed/)).toBeTruthy();
    expect(screen.getByLabelText("When").getAttribute("aria-invalid")).toBe("true");
    expect(screen.getByRole<HTMLButtonElement>("button", { name: "Add" }).disabled).toBe(true);

    await type("When", "@daily");
    expect(await screen.findByText("Says @daily")).toBeTruthy();
    expect(screen.getByText("2026-11-24 03:00 +01:00")).toBeTruthy();
    await press("Add");
    await waitFor(() => expect(fake.of("schedule_set")).toHaveLength(1));
    expect(fake.of("schedule_set")[0]).toMatchObject({
      name: "site",
      schedule: "nightly",
      cron: "@daily",
      prompt: "tidy up",
      overlap: "skip_running",
      stop: { failures: 3, tasks: null, budget_micros: null },
    });
    expect(await screen.findByRole("list", { name: "Schedules" })).toBeTruthy();
  });

  it("is paused, begun and removed from its row", async () => {
    const stopped = schedule("stopped", {
      next: [],
      state: { ...schedule("x").state, stopped: "it has filed 2 tasks" },
    });
    const fake = await open("schedules", { schedules: [schedule("nightly"), stopped] });
    expect(await screen.findByText("Next 2026-11-23 03:00 +01:00 in Europe/Berlin")).toBeTruthy();
    expect(screen.getByText("Ended: it has filed 2 tasks.")).toBeTruthy();
    await press("More for nightly");
    await fireEvent.click(await screen.findByRole("menuitem", { name: "Pause" }));
    const wanted = { name: "site", schedule: "nightly" };
    await waitFor(() => expect(fake.of("schedule_pause")).toEqual([{ ...wanted, paused: true }]));
    await press("More for nightly");
    await fireEvent.click(await screen.findByRole("menuitem", { name: "File a task now" }));
    await waitFor(() => expect(fake.of("schedule_run")).toEqual([wanted]));
    await press("More for nightly");
    await fireEvent.click(await screen.findByRole("menuitem", { name: "Remove" }));
    await press("Remove");
    await waitFor(() => expect(fake.of("schedule_remove")).toEqual([wanted]));
  });

  it("keeps what is wrong from being saved", () => {
    const fields = { ...scheduleFieldsOf(null), name: "nightly", dollars: "12.50" };
    expect(scheduleProblems(fields, ["weekly"])).toEqual({});
    expect(scheduleOf("site", fields).stop?.budget_micros).toBe(12_500_000);
    expect(scheduleProblems({ ...fields, name: "Every night" }, []).name).toBeTruthy();
    expect(scheduleProblems(fields, ["nightly"]).name).toMatch(/already/);
    expect(scheduleProblems({ ...fields, failures: "0" }, []).failures).toBeTruthy();
    expect(scheduleProblems({ ...fields, dollars: "-1" }, []).dollars).toBeTruthy();
    for (const lastDay of ["2026-02-30", "31.12.2026", "2026-13-01"])
      expect(scheduleProblems({ ...fields, lastDay }, []).lastDay, lastDay).toBeTruthy();
    const ends = scheduleOf("site", { ...fields, lastDay: "2028-02-29" });
    expect(scheduleProblems({ ...fields, lastDay: "2028-02-29" }, [])).toEqual({});
    expect(ends.stop?.last_day).toBe("2028-02-29");
    const ending = schedule("x", { stop: { failures: 3, last_day: "2026-01-31" } });
    expect(scheduleFieldsOf(ending).lastDay).toBe("2026-01-31");
    expect(restsBecause(schedule("x", { paused: true }))).toBe("Paused.");
    expect(restsBecause(schedule("x"))).toBeNull();
    const kept = scheduleFieldsOf(schedule("x", { stop: { failures: null, budget_micros: 500_000 } }));
    expect([kept.failures, kept.dollars]).toEqual(["", "0.5"]);
  });
});
