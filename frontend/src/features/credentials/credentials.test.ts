import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { afterEach, describe, expect, it } from "vitest";
import type { NewSecret, Prices as PriceTable, SecretSeen } from "$/api/generated/proto";
import { NOON } from "../../../tests/builders";
import { FakeHub } from "../../../tests/fake-hub";
import Prices from "./Prices.svelte";
import { priceOf, priceProblems, rowOf } from "./prices";
import Secrets from "./Secrets.svelte";

function secret(name: string, used_by: string[] = []): SecretSeen {
  return { name, origin: { from: "own" }, rotated_at: NOON, used_by };
}

afterEach(() => {
  cleanup();
  localStorage.clear();
});

describe("secrets", () => {
  it("cannot be removed while a project uses them, and say which", async () => {
    const fake = new FakeHub({}, { secret_list: () => [secret("NPM", ["site"]), secret("OLD")] });
    await fake.open("/credentials");
    render(Secrets);
    const used = await screen.findByRole<HTMLButtonElement>("button", { name: "Remove NPM" });
    expect(used.disabled).toBe(true);
    expect(used.title).toContain("site");
    expect(screen.getByRole<HTMLButtonElement>("button", { name: "Remove OLD" }).disabled).toBe(false);
  });

  it("are sent once, and nothing of them is kept or shown", async () => {
    const kept: SecretSeen[] = [];
    const fake = new FakeHub(
      {},
      {
        secret_list: () => kept,
        secret_set: ({ name }: NewSecret) => {
          kept.push(secret(name));
          return secret(name);
        },
      },
    );
    await fake.open("/credentials?add=secret");
    render(Secrets);
    await fireEvent.input(await screen.findByLabelText(/^Name/), { target: { value: "NPM_TOKEN" } });
    const value = screen.getByLabelText<HTMLInputElement>(/^Value/);
    expect(value.type).toBe("password");
    await fireEvent.input(value, { target: { value: " canary-9f2 " } });
    await fireEvent.click(screen.getByRole("button", { name: "Add" }));
    await waitFor(() => expect(screen.queryByLabelText(/^Value/)).toBeNull());
    expect(fake.of("secret_set")).toEqual([
      { name: "NPM_TOKEN", source: { from: "value", value: " canary-9f2 " } },
    ]);
    expect(await screen.findByText("NPM_TOKEN", { selector: "code" })).toBeTruthy();
    expect(document.body.innerHTML).not.toContain("canary");
    expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain("canary");
  });

  it("are only looked at by who is no admin", async () => {
    const fake = new FakeHub({}, { secret_list: () => [secret("NPM")] });
    fake.answers.hub_status = () =>
      ({ build: "0.1.0", runner_version: 1, you: "vera", role: "viewer", credentials: "keychain" }) as never;
    await fake.open("/credentials?add=secret");
    render(Secrets);
    expect(await screen.findByText("NPM")).toBeTruthy();
    expect(screen.queryByRole("button")).toBeNull();
  });
});

describe("prices", () => {
  it("are dollars on the page and millionths at the hub", () => {
    const price = { model: "m-*", input: 250_000, output: 15_000_000, cache_read: 0, cache_write: 3_750_000 };
    expect(rowOf(price)).toEqual({
      model: "m-*",
      input: "0.25",
      output: "15",
      cache_read: "0",
      cache_write: "3.75",
    });
    expect(priceOf(rowOf(price))).toEqual(price);
  });

  it("say what is wrong with them, where it stands", () => {
    const row = { model: "a", input: "1", output: "", cache_read: "0,3", cache_write: "" };
    const rows = [row, { ...row, input: "much" }, { ...row, model: "a*b" }, { ...row, model: " " }];
    expect([...priceProblems(rows).keys()]).toEqual(["1.model", "1.input", "2.model", "3.model"]);
  });

  it("are all set at once", async () => {
    const fake = new FakeHub(
      {},
      {
        price_list: () => ({ prices: [priceOf({ ...rowOf(priceOf(EMPTY)), model: "a", input: "1" })] }),
        price_set: (table: PriceTable) => table,
      },
    );
    await fake.open("/credentials");
    render(Prices);
    await fireEvent.input(await screen.findByLabelText("Output of a"), { target: { value: "5" } });
    await fireEvent.click(screen.getByRole("button", { name: "Save the prices" }));
    await waitFor(() => expect(fake.of("price_set")).toHaveLength(1));
    expect(fake.of("price_set")[0]).toMatchObject({ prices: [{ model: "a", input: 1e6, output: 5e6 }] });
  });
});

const EMPTY = { model: "", input: "", output: "", cache_read: "", cache_write: "" };
