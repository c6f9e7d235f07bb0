import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { afterEach, describe, expect, it } from "vitest";
import type { Profile } from "$/api/generated/proto";
import { FakeHub } from "../../../tests/fake-hub";
import FullLoginSheet from "./FullLoginSheet.svelte";
import Profiles from "./Profiles.svelte";
import { profileFields, profileOf, profileWords } from "./profiles";

const PLAIN: Profile = {
  name: "careful",
  agent: "claude",
  provider: null,
  model: null,
  mode: null,
  limits: null,
  remote_control: false,
};

afterEach(() => {
  cleanup();
  localStorage.clear();
});

describe("a profile", () => {
  it("comes back from its form as it was", () => {
    const limits = {
      agent_secs: 600,
      setup_secs: 60,
      answer_secs: 50,
      stall_secs: 40,
      quota_secs: 30,
      budget_micros: 2_500_000,
    };
    for (const profile of [
      PLAIN,
      { ...PLAIN, provider: "team", model: "m1", mode: "plan" as const, limits, remote_control: true },
    ]) {
      expect(profileOf(profileFields(profile), profile)).toEqual(profile);
    }
  });

  it("has limits only if it names one, and Remote Control only for Claude Code", () => {
    const fields = profileFields(null);
    expect(profileOf(fields, null).limits).toBeNull();
    expect(profileOf({ ...fields, budget: "2" }, null).limits).toMatchObject({
      agent_secs: 28_800,
      budget_micros: 2_000_000,
    });
    expect(profileOf({ ...fields, agent: "codex", remote_control: true }, null).remote_control).toBe(false);
  });

  it("is told in one line", () => {
    expect(profileWords(PLAIN)).toBe("login of the first provider that fits");
    expect(profileWords({ ...PLAIN, provider: "team", mode: "plan", remote_control: true })).toBe(
      "login of team · plans first · Remote Control",
    );
  });

  it("is added, and not removed while a project uses it", async () => {
    const kept = [PLAIN];
    const fake = new FakeHub(
      {},
      {
        profile_list: () => kept,
        profile_add: (profile: Profile) => {
          kept.push(profile);
          return profile;
        },
      },
    );
    const session = await fake.open("/credentials");
    session.projects = session.projects.map((one) => ({ ...one, profile: "careful" }));
    render(Profiles);
    expect(screen.getByRole<HTMLButtonElement>("button", { name: "Remove careful" }).disabled).toBe(true);
    await fireEvent.click(screen.getByRole("button", { name: "Add a profile" }));
    await fireEvent.input(await screen.findByLabelText(/^Name/), { target: { value: "quick" } });
    await fireEvent.input(screen.getByLabelText("Model"), { target: { value: "m2" } });
    await fireEvent.click(screen.getByRole("button", { name: "Add" }));
    await screen.findByText("quick");
    expect(fake.of("profile_add")[0]).toMatchObject({ name: "quick", agent: "claude", model: "m2" });
  });
});

it("a full login is sent once, and nothing of it is shown again", async () => {
  const provider = {
    name: "max",
    kind: "anthropic",
    base_url: null,
    login: "key",
    full_login: false,
  } as const;
  const fake = new FakeHub({}, { provider_login_set: () => ({ ...provider, full_login: true }) });
  await fake.open("/credentials");
  let closed = false;
  render(FullLoginSheet, { provider, onclose: () => (closed = true) });
  await fireEvent.input(screen.getByLabelText(/credentials/), { target: { value: "canary-7" } });
  await fireEvent.input(screen.getByLabelText("~/.claude.json"), { target: { value: "{}" } });
  await fireEvent.click(screen.getByRole("button", { name: "Keep" }));
  await waitFor(() => expect(closed).toBe(true));
  expect(fake.of("provider_login_set")).toEqual([{ name: "max", credentials: "canary-7", account: "{}" }]);
  expect(JSON.stringify({ ...localStorage })).not.toContain("canary-7");
});
