import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ForgeLoginSeen, ForgeSeen } from "$/api/generated/proto";
import type { Host } from "$/host/host";
import { app } from "$/state/app.svelte";
import { NOON } from "../../../tests/builders";
import { FakeHub } from "../../../tests/fake-hub";
import Credentials from "./Credentials.svelte";
import { accountWords, endWords, scopeWords, wayOf } from "./forge-access";

const HOUR = 3_600_000_000;

function home(more: Partial<ForgeSeen> = {}): ForgeSeen {
  return {
    name: "home",
    kind: "gitea",
    url: "https://git.example.org",
    account: { login: "alice", scopes: ["write:repository", "read:user"] },
    access: {
      by: { kind: "login", client_id: "pilothouse" },
      needs: ["write:repository", "write:issue", "read:user"],
      ends_at: NOON + HOUR,
      renewed: true,
    },
    ...more,
  };
}

function begun(more: Partial<ForgeLoginSeen> = {}): ForgeLoginSeen {
  const page = "https://git.example.org/login/oauth/authorize?state=1";
  return { name: "home", page, until: NOON + HOUR, standing: "waits", ...more };
}

const openExternal = vi.fn();

beforeEach(() => {
  const host = { base: "/", capabilities: new Set(), openExternal } as unknown as Host;
  vi.spyOn(app, "host", "get").mockReturnValue(host);
});

afterEach(() => {
  cleanup();
  openExternal.mockReset();
  localStorage.clear();
  vi.restoreAllMocks();
});

describe("what is said of a forge", () => {
  it("is who we are, by what, for how long, and what is missing", () => {
    const seen = home();
    expect(accountWords(seen)).toBe("as alice, by a login");
    expect(endWords(seen, NOON / 1000)).toBe("ends in 1 h, and is renewed before");
    expect(scopeWords(seen)).toEqual({ may: "write:repository, read:user", lacks: ["write:issue"] });
    expect(scopeWords(home({ account: { login: "alice" } }))).toBeNull();
    const app = { kind: "app", app: 4711, installation: 77 } as const;
    const byApp = home({ access: { ...seen.access, by: app } });
    expect(accountWords(byApp)).toBe("as alice, as the GitHub App 4711, installation 77");
  });

  it("says nothing of a way that is not there", () => {
    expect(wayOf({ authorities: " ", proxy: "", through: "" })).toEqual({});
    expect(wayOf({ authorities: "", proxy: "http://p:1", through: "box" })).toEqual({ through: "box" });
    expect(wayOf({ authorities: "PEM", proxy: " http://p:1 ", through: "" })).toEqual({
      authorities: "PEM",
      proxy: "http://p:1",
    });
  });

  it("is shown in the list, with a login that has ended", async () => {
    const problem = {
      code: "forge_refused",
      message: "The login has ended.",
      hint: "Log in again.",
    } as const;
    const ended = home({ access: { ...home().access, problem } });
    const fake = new FakeHub({}, { forge_list: () => [ended] });
    await fake.open("/credentials");
    render(Credentials);
    expect(await screen.findByText(/as alice, by a login/)).toBeTruthy();
    expect(screen.getByText(/lacks write:issue/)).toBeTruthy();
    expect(screen.getByText("The login has ended.")).toBeTruthy();
  });
});

describe("a login", () => {
  async function begin(fake: FakeHub): Promise<void> {
    await fake.open("/credentials?add=forge");
    render(Credentials);
    const address = await screen.findByLabelText(/^Address/);
    await fireEvent.input(address, { target: { value: "https://git.example.org" } });
    await fireEvent.click(screen.getByLabelText("Log in"));
    await fireEvent.input(screen.getByLabelText(/^Client ID/), { target: { value: "pilothouse" } });
    await fireEvent.click(screen.getByRole("button", { name: "Begin the login" }));
  }

  it("opens the forge's page, waits, and is there when somebody has logged in", async () => {
    let standing: ForgeLoginSeen["standing"] = "waits";
    const fake = new FakeHub(
      {},
      { forge_login: () => begun(), forge_login_show: () => begun({ standing }), forge_list: () => [home()] },
    );
    await begin(fake);
    await fireEvent.click(await screen.findByRole("button", { name: "Open the page" }));
    expect(openExternal).toHaveBeenCalledWith(begun().page);
    expect(fake.of("forge_login")).toEqual([
      { name: "example.org", kind: "gitea", url: "https://git.example.org", client_id: "pilothouse" },
    ]);
    standing = "done";
    await waitFor(() => expect(screen.queryByText("Waiting for you at the forge")).toBeNull());
  });

  it("shows the code of a device, and can be given up", async () => {
    const fake = new FakeHub(
      {},
      {
        forge_login: () => begun({ code: "WDJB-MJHT" }),
        forge_login_show: () => begun(),
        forge_login_cancel: () => ({}),
      },
    );
    await begin(fake);
    expect(await screen.findByText("WDJB-MJHT")).toBeTruthy();
    await fireEvent.click(screen.getByRole("button", { name: "Give up" }));
    await waitFor(() => expect(fake.of("forge_login_cancel")).toEqual([{ name: "home" }]));
    await waitFor(() => expect(screen.queryByText("WDJB-MJHT")).toBeNull());
  });

  it("says why it came to nothing, and can be begun again", async () => {
    const problem = { code: "forge_refused", message: "Somebody refused it.", hint: "" } as const;
    const fake = new FakeHub(
      {},
      { forge_login: () => begun(), forge_login_show: () => begun({ standing: "failed", problem }) },
    );
    await begin(fake);
    expect(await screen.findByText("Somebody refused it.")).toBeTruthy();
    await fireEvent.click(screen.getByRole("button", { name: "Begin again" }));
    await waitFor(() => expect(fake.of("forge_login")).toHaveLength(2));
  });

  it("takes the address of a browser on another machine, and forgets it", async () => {
    const fake = new FakeHub(
      {},
      { forge_login: () => begun(), forge_login_show: () => begun(), forge_login_finish: () => ({}) },
    );
    await begin(fake);
    await fireEvent.click(await screen.findByText("The browser ended at an address that it cannot open"));
    const field = await screen.findByLabelText<HTMLInputElement>(/^Address/);
    const address = "http://127.0.0.1:4711/callback?code=canary&state=1";
    await fireEvent.input(field, { target: { value: address } });
    await fireEvent.click(screen.getByRole("button", { name: "Finish the login" }));
    await waitFor(() => expect(fake.of("forge_login_finish")).toEqual([{ name: "home", address }]));
    await waitFor(() => expect(field.value).toBe(""));
    expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain("canary");
  });
});
