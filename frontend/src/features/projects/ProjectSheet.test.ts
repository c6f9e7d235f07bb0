import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { afterEach, describe, expect, it } from "vitest";
import type { Project } from "$/api/generated/proto";
import { fault } from "$/api/errors";
import { route } from "$/state/route.svelte";
import { project } from "../../../tests/builders";
import { FakeHub } from "../../../tests/fake-hub";
import ProjectSheet from "./ProjectSheet.svelte";

const site = project("site", { network: { ...project("x").network, allow: ["good.example"] } });

async function open(part: string, save = (kept: Project): Project => kept): Promise<FakeHub> {
  const fake = new FakeHub({}, { project_list: () => [site], project_add: save });
  await fake.open(`/projects?edit=site&part=${part}`);
  render(ProjectSheet, { project: site, onclose: () => undefined });
  return fake;
}

const save = () => fireEvent.click(screen.getByRole("button", { name: "Save" }));

afterEach(() => {
  cleanup();
  localStorage.clear();
});

describe("the settings of a project", () => {
  it("switch the gate off only when that is meant", async () => {
    const fake = await open("network");
    await fireEvent.click(screen.getByRole("radio", { name: /^Off/ }));
    expect(await screen.findByText("Switch the gate off?")).toBeTruthy();
    await fireEvent.click(screen.getAllByRole("button", { name: "Cancel" }).at(0) as HTMLElement);
    await waitFor(() => expect(screen.queryByText("Switch the gate off?")).toBeNull());
    expect(screen.getByRole<HTMLInputElement>("radio", { name: /^Enforce/ }).checked).toBe(true);

    await fireEvent.click(screen.getByRole("radio", { name: /^Off/ }));
    await fireEvent.click(await screen.findByRole("button", { name: "Switch it off" }));
    await waitFor(() => expect(screen.queryByText("Switch the gate off?")).toBeNull());
    await save();
    await waitFor(() => expect(fake.of("project_add")[0]).toMatchObject({ network: { gate: "off" } }));
  });

  it("say what the hub says at the very rule it is about, until the rule changes", async () => {
    const why = "the network rule `ex*mple.org` has a `*` that is not a first label";
    await open("network", () => {
      throw fault("invalid", why);
    });
    const rule = screen.getByLabelText("Allowed besides, rule 1");
    await fireEvent.input(rule, { target: { value: "ex*mple.org" } });
    await fireEvent.click(screen.getByRole("radio", { name: "General" }));
    await save();
    await waitFor(() => expect(route.place.query.get("part")).toBe("network"));
    const shown = await screen.findByLabelText("Allowed besides, rule 1");
    expect(shown.getAttribute("aria-invalid")).toBe("true");
    expect(screen.getByText(why)).toBeTruthy();
    await fireEvent.input(shown, { target: { value: "*.example.org" } });
    expect(screen.queryByText(why)).toBeNull();
  });

  it("go to what is wrong, and send nothing meanwhile", async () => {
    const fake = await open("walls");
    await fireEvent.input(screen.getByLabelText("Processes"), { target: { value: "many" } });
    await fireEvent.click(screen.getByRole("radio", { name: "General" }));
    await save();
    expect(await screen.findByText("A whole number, or nothing.")).toBeTruthy();
    expect(fake.of("project_add")).toEqual([]);
  });

  it("keep permission rules, with what they name and nothing else", async () => {
    const fake = await open("permissions");
    await fireEvent.click(screen.getByRole("button", { name: "Add a rule" }));
    await fireEvent.change(screen.getByLabelText("Decision of rule 1"), { target: { value: "never" } });
    await fireEvent.input(screen.getByLabelText("Command of rule 1"), { target: { value: "git push*" } });
    await fireEvent.click(screen.getByRole("button", { name: "Add a rule" }));
    await fireEvent.input(screen.getByLabelText("Path of rule 2"), { target: { value: "../x" } });
    await save();
    expect(await screen.findByText(/no `\.\.`/)).toBeTruthy();
    await fireEvent.click(screen.getByRole("button", { name: "Remove rule 2" }));
    await save();
    const rule = { decision: "never", tool: null, command: "git push*", path: null };
    await waitFor(() => expect(fake.of("project_add")[0]).toMatchObject({ permissions: { rules: [rule] } }));
  });
});
