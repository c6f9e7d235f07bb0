import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { afterEach, describe, expect, it } from "vitest";
import { fault } from "$/api/errors";
import type { Ticket } from "$/api/generated/proto";
import { project } from "../../../tests/builders";
import { FakeHub } from "../../../tests/fake-hub";
import FromIssues from "./FromIssues.svelte";

const ticket = (number: number, change: Partial<Ticket> = {}): Ticket => ({
  key: `site#${number}/label`,
  project: "site",
  number,
  cause: { cause: "label", label: "agent" },
  task: `task-${number}`,
  how: { hold: true },
  again: false,
  at: 0,
  problem: fault("not_found", "The issue was deleted.", "Choose another."),
  ...change,
});

async function open(tickets: Ticket[]): Promise<FakeHub> {
  const fake: FakeHub = new FakeHub(
    {},
    {
      project_list: () => [project("site", { forge: "home" })],
      issue_list: () => [],
      ticket_list: () => tickets,
      ticket_drop: ({ key }) => {
        tickets.splice(
          tickets.findIndex((one) => one.key === key),
          1,
        );
        return {};
      },
      issue_file: () => [],
    },
  );
  await fake.open("/new/issues?project=site");
  render(FromIssues);
  return fake;
}

afterEach(cleanup);

describe("issues that wait", () => {
  it("are said with what became of them, those of other projects left out", async () => {
    const other = ticket(9, { project: "other" });
    await open([ticket(3), ticket(4, { problem: null }), other]);
    expect(await screen.findByText("1 issue came to nothing, 1 issue on the way")).toBeTruthy();
    expect(screen.getByText(/The issue was deleted\. Choose another\./)).toBeTruthy();
    expect(screen.queryByText("#9")).toBeNull();
  });

  it("are filed again as they were wanted, and forgotten", async () => {
    const fake = await open([ticket(3), ticket(5)]);
    await fireEvent.click(await screen.findByRole("button", { name: "File #3 again" }));
    await waitFor(() => expect(fake.of("ticket_drop")).toEqual([{ key: "site#3/label" }]));
    expect(fake.of("issue_file")).toMatchObject([{ name: "site", numbers: [3], how: { hold: true } }]);
    await fireEvent.click(await screen.findByRole("button", { name: "Forget #5" }));
    await waitFor(() => expect(screen.queryByText(/came to nothing/)).toBeNull());
  });

  it("are nothing to look at where there are none", async () => {
    await open([]);
    expect(await screen.findByText("No such issues.")).toBeTruthy();
    expect(screen.queryByRole("list", { name: "Issues that wait" })).toBeNull();
  });
});
