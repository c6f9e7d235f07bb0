// One hub, as this console stands to it: who we are, whether the line is up,
// and everything that is known of it. The window can change hubs; then a new
// session takes the place of the old one.

import { Client } from "$/api/client";
import { asProblem, fault } from "$/api/errors";
import { Live, type LinkEvents } from "$/api/live";
import type { ForgeSeen, HubInfo, Problem, Profile, Project, Provider, Role } from "$/api/generated/proto";
import type { Host } from "$/host/host";
import { Everything } from "./everything.svelte";

/** Where the session stands. */
export type Standing =
  | { state: "connecting" }
  | { state: "signed_out" }
  | { state: "online" }
  | { state: "offline"; problem: Problem; retryAt: number };

/** A line that stands, and whose hub did not answer what was asked on it. */
const AGAIN_MS = 2000;

const ROLES: readonly Role[] = ["viewer", "operator", "approver", "admin"];

export class Session implements LinkEvents {
  standing = $state.raw<Standing>({ state: "connecting" });
  info = $state.raw<HubInfo | null>(null);
  projects = $state.raw<Project[]>([]);
  forges = $state.raw<ForgeSeen[]>([]);
  providers = $state.raw<Provider[]>([]);
  profiles = $state.raw<Profile[]>([]);
  /** How far the hub is ahead of this console; 0 when it keeps up. */
  behindBy = $state(0);

  /** Counts the lines, those that were lost included: what was asked on an earlier one counts no more. */
  #line = 0;
  readonly everything = new Everything();
  readonly client: Client;
  readonly live: Live;

  constructor(
    readonly host: Host,
    readonly hub: string,
  ) {
    const connection = host.connect(hub);
    this.client = new Client(hub, connection);
    this.live = new Live(connection, this);
  }

  start(): void {
    this.everything.watch(this.live);
    this.live.start();
    window.addEventListener("online", this.#nudge);
    document.addEventListener("visibilitychange", this.#nudge);
  }

  stop(): void {
    window.removeEventListener("online", this.#nudge);
    document.removeEventListener("visibilitychange", this.#nudge);
    this.#line += 1;
    this.live.stop();
  }

  /** Dials again at once. */
  retry(): void {
    if (this.standing.state === "signed_out") this.standing = { state: "connecting" };
    this.live.nudge();
  }

  may(needed: Role): boolean {
    return this.info !== null && ROLES.indexOf(this.info.role) >= ROLES.indexOf(needed);
  }

  /** Reads again what the hub does not tell by itself. */
  async refresh(): Promise<void> {
    const [info, projects, forges, providers, profiles] = await Promise.all([
      this.client.call("hub_status", {}),
      this.client.call("project_list", {}),
      this.client.call("forge_list", {}),
      this.client.call("provider_list", {}),
      // A hub that is older than profiles has none.
      this.client.call("profile_list", {}).catch((): Profile[] => []),
    ]);
    this.info = info;
    this.projects = projects;
    this.forges = forges;
    this.providers = providers;
    this.profiles = profiles;
  }

  /** Reads the projects again: a hub does not tell what others change of them. */
  async readProjects(): Promise<void> {
    this.projects = await this.client.call("project_list", {});
  }

  up(): void {
    this.behindBy = 0;
    this.#line += 1;
    void this.#catchUp(this.#line);
  }

  async #catchUp(line: number): Promise<void> {
    try {
      await this.refresh();
      if (line === this.#line) this.standing = { state: "online" };
    } catch (thrown) {
      if (line !== this.#line) return;
      this.#refused(asProblem(thrown), Date.now() + AGAIN_MS);
      setTimeout(() => {
        if (line === this.#line) void this.#catchUp(line);
      }, AGAIN_MS);
    }
  }

  down(problem: Problem | null, retryAt: number): void {
    this.#line += 1;
    const lost = problem ?? fault("repository_unreachable", "The connection to the hub was lost.");
    if (lost.code === "unauthorized") return this.#refused(lost);
    this.standing = { state: "offline", problem: lost, retryAt };
    // A refused socket does not say why; a command does.
    this.client.call("hub_status", {}).catch((thrown: unknown) => {
      const why = asProblem(thrown);
      if (why.code === "unauthorized") this.#refused(why);
      else if (this.standing.state === "offline") this.standing = { state: "offline", problem: why, retryAt };
    });
  }

  behind(by: number): void {
    this.behindBy = by;
    setTimeout(() => (this.behindBy = 0), 3000);
  }

  #refused(problem: Problem, retryAt = Date.now()): void {
    if (problem.code !== "unauthorized") {
      this.standing = { state: "offline", problem, retryAt };
      return;
    }
    this.#line += 1;
    this.live.stop();
    this.standing = { state: "signed_out" };
  }

  #nudge = (): void => {
    if (!document.hidden && this.standing.state !== "signed_out") this.live.nudge();
  };
}
