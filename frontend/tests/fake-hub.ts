// A hub for tests of pages: answers commands by name, and tells what a test
// wants told. Nothing leaves the process.

import { tick } from "svelte";
import {
  ROUTES,
  type Commands,
  type InboxItem,
  type RunnerSeen,
  type Task,
  type ToConsole,
} from "$/api/generated/proto";
import type { CommandName, Request, Response } from "$/api/client";
import { fault } from "$/api/errors";
import type { Connection, FrameEvents, Host } from "$/host/host";
import { app } from "$/state/app.svelte";
import { route } from "$/state/route.svelte";
import { Session } from "$/state/session.svelte";
import { project } from "./builders";

type Answers = { [N in CommandName]?: (request: Request<N>) => Response<N> | Promise<Response<N>> };

export interface Asked {
  name: CommandName;
  request: Record<string, unknown>;
}

interface Lists {
  tasks?: Task[];
  runners?: RunnerSeen[];
  inbox?: InboxItem[];
}

function nameOf(method: string, path: string): { name: CommandName; fields: Record<string, string> } {
  for (const [name, { method: its, path: template }] of Object.entries(ROUTES)) {
    if (its !== method) continue;
    const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, field]) => field ?? "");
    const found = new RegExp(`^${template.replace(/\{\w+\}/g, "([^/]+)")}$`).exec(path);
    if (!found) continue;
    const fields = Object.fromEntries(
      names.map((field, at) => [field, decodeURIComponent(found[at + 1] ?? "")]),
    );
    return { name: name as keyof Commands, fields };
  }
  throw new Error(`no command has ${method} ${path}`);
}

export class FakeHub {
  readonly asked: Asked[] = [];
  /** The next commands fail as if the hub were gone. */
  isGone = false;
  #events: FrameEvents | null = null;
  #watch = 0;

  constructor(
    readonly lists: Lists,
    readonly answers: Answers = {},
  ) {}

  /** What was asked by this name, oldest first. */
  of(name: CommandName): Record<string, unknown>[] {
    return this.asked.filter((one) => one.name === name).map(({ request }) => request);
  }

  /** Tells the console something, and waits until it is shown. */
  async tell(
    message:
      | Omit<Extract<ToConsole, { type: "task" }>, "watch">
      | Omit<Extract<ToConsole, { type: "inbox" }>, "watch">,
  ) {
    this.#events?.frames([JSON.stringify({ ...message, watch: this.#watch })]);
    await new Promise((resolve) => requestAnimationFrame(resolve));
    await tick();
  }

  /** Opens a session with it at a path, as the app would. */
  async open(path: string): Promise<Session> {
    history.replaceState(null, "", path);
    route.start("/");
    app.session?.stop();
    const session = new Session(this.#host(), "here");
    app.session = session;
    session.start();
    const deadline = Date.now() + 10_000;
    while (session.standing.state !== "online" || !session.everything.ready) {
      if (Date.now() > deadline) throw new Error("the fake hub was never online");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await tick();
    return session;
  }

  #host(): Host {
    return {
      capabilities: new Set(),
      base: "/",
      connect: () => this.#connection(),
      openExternal: () => undefined,
      copy: () => Promise.resolve(),
    };
  }

  #connection(): Connection {
    return {
      call: (method, path, body) => this.#call(method, path, body),
      live: (events) => this.#live(events),
      tunnel: (_, events) => {
        queueMicrotask(() => events.closed(fault("precondition", "There is no run.")));
        return { send: () => undefined, say: () => undefined, close: () => undefined };
      },
      download: () => Promise.resolve(),
      objectUrl: () => Promise.resolve("about:blank"),
      bytes: () => Promise.resolve(new Uint8Array()),
    };
  }

  async #call(method: string, whole: string, body?: string): Promise<string> {
    const [path = "", query] = whole.split("?");
    const { name, fields } = nameOf(method, path);
    const rest = body ? (JSON.parse(body) as object) : Object.fromEntries(new URLSearchParams(query));
    const request = { ...rest, ...fields };
    this.asked.push({ name, request });
    if (this.isGone) throw fault("repository_unreachable", "The hub cannot be reached.");
    const answer = this.answers[name] as ((request: unknown) => unknown) | undefined;
    return JSON.stringify(await (answer ? answer(request) : this.#plain(name)));
  }

  #plain(name: CommandName): unknown {
    switch (name) {
      case "hub_status":
        return { build: "0.1.0", runner_version: 1, you: "anna", role: "admin", credentials: "keychain" };
      case "project_list":
        return [project("demo")];
      case "forge_list":
      case "provider_list":
      case "inbox_list":
      case "secret_list":
        return [];
      case "preference_get":
        return { key: "", value: null };
      default:
        throw fault("precondition", `The fake hub has no answer to ${name}.`);
    }
  }

  #live(events: FrameEvents) {
    this.#events = events;
    queueMicrotask(() => events.opened());
    return {
      send: (text: string) => {
        const { type, watch } = JSON.parse(text) as { type: string; watch: number };
        if (type !== "watch_all") return;
        this.#watch = watch;
        const { tasks = [], runners = [], inbox = [] } = this.lists;
        const present = { type: "present", watch, tasks, runners, inbox, first: true, last: true };
        queueMicrotask(() => events.frames([JSON.stringify(present)]));
      },
      close: () => undefined,
    };
  }
}
