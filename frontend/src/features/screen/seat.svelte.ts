// A place before a run's screen: who drives, how far away it is, and the way
// there. The picture itself is somebody else's: see viewer.ts.

import type { Client } from "$/api/client";
import type { FromScreen, ScreenDriver, TaskId, ToScreen, TunnelQuery } from "$/api/generated/proto";
import { Doing } from "$/state/doing.svelte";
import type { Tunnel, TunnelEvents } from "$/host/host";
import { Way, type End, type Standing } from "$/state/way.svelte";
import { Channel } from "$/parts/screen/channel";
import { FRESH, settle, type Link } from "./quality";

/** What shows the bytes of one connection. */
export interface Picture {
  begin(channel: Channel): void;
  end(): void;
}

/** Between two looks at how far away it is. */
const PING_MS = 2000;
/** What has not come back by then is not counted any more. */
const UNANSWERED = 16;

export class Seat {
  driver = $state.raw<ScreenDriver | null>(null);
  /** We drive. */
  yours = $state(false);
  mayDrive = $state(false);
  viewers = $state(0);
  size = $state.raw({ width: 0, height: 0 });
  /** Whose screen it is, if not the run's own: `host:port`. */
  attached = $state<string | null>(null);
  /** There and back, in milliseconds. */
  latency = $state<number | null>(null);
  link = $state.raw<Link>(FRESH);
  readonly doing = new Doing<"take_over" | "hand_back" | "attach" | "detach">();
  readonly #way: Way;
  #channel: Channel | null = null;
  /** The host may decode: it has not failed at it here. */
  #decodes = true;
  /** It does, on the present way. */
  #decoded = false;
  #asked = new Map<number, number>();
  #number = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(
    readonly client: Client,
    readonly task: TaskId,
    readonly view: boolean,
    readonly picture: Picture,
    readonly now: () => number = () => performance.now(),
  ) {
    this.#way = new Way(
      { tunnel: (query, events) => this.#dial(query, events) },
      { task, screen: true, view },
      {
        opened: () => undefined,
        bytes: (bytes) => this.#channel?.take(bytes),
        said: (text) => this.#said(JSON.parse(text) as FromScreen),
        lost: () => this.#lost(),
      },
    );
  }

  get standing(): Standing {
    return this.#way.standing;
  }

  /** Goes there; also again after the end. */
  open(): void {
    this.#way.open();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#ping(), PING_MS);
  }

  leave(): void {
    clearInterval(this.#timer);
    this.#way.leave();
    this.#lost();
  }

  /** What came was no picture. Where the host decoded it, noVNC tries next. */
  unreadable(): void {
    if (this.#decoded) {
      this.#decodes = false;
      this.#way.lose(null);
      return;
    }
    this.#way.lose({
      code: "internal",
      message: "The picture of the screen cannot be read.",
      hint: "The desktop goes on. Try again; if it stays so, open it with another quality.",
    });
  }

  async takeOver(): Promise<boolean> {
    const { client, task, doing } = this;
    return doing.run("take_over", () => client.call("task_takeover", { task }));
  }

  async handBack(note: string): Promise<boolean> {
    const { client, task, doing } = this;
    const said = note.trim();
    return doing.run("hand_back", () =>
      client.call("task_handback", { task, note: said === "" ? null : said }),
    );
  }

  /** Makes a server the screen; `password` names a secret of the hub's, or is empty. */
  async attach(server: string, password: string): Promise<boolean> {
    const { client, task, doing } = this;
    const wanted = { task, server, password: password === "" ? null : password };
    return doing.run("attach", () => client.call("task_screen_attach", wanted));
  }

  async detach(): Promise<boolean> {
    const { client, task, doing } = this;
    return doing.run("detach", () =>
      client.call("task_screen_attach", { task, server: null, password: null }),
    );
  }

  #dial(query: TunnelQuery, events: TunnelEvents): Tunnel {
    const { connection } = this.client;
    // With fingers the picture is moved below its place, which noVNC does with
    // pixels of its own.
    const fingers = matchMedia("(pointer: coarse)").matches;
    this.#decoded = this.#decodes && !fingers && connection.screen !== undefined;
    if (!this.#decoded || !connection.screen) return connection.tunnel(query, events);
    return connection.screen(query, {
      ...events,
      frame: (bytes) => this.#channel?.show(bytes),
      broken: () => this.unreadable(),
    });
  }

  #said(word: FromScreen): End | null {
    switch (word.type) {
      case "state":
        this.#stands(word);
        return null;
      case "pong":
        this.#back(word.number);
        return null;
      case "ended":
        return { why: word.why, again: word.again };
      case "unknown":
        return null;
    }
  }

  #stands(word: FromScreen & { type: "state" }): void {
    this.#way.stands();
    this.driver = word.driver ?? null;
    this.yours = word.yours;
    this.mayDrive = word.may_drive;
    this.viewers = word.viewers;
    this.attached = word.attached ?? null;
    this.size = { width: word.width, height: word.height };
    if (this.#channel) return;
    this.#channel = new Channel((bytes) => this.#way.send(bytes), this.#decoded);
    this.picture.begin(this.#channel);
    this.#ping();
  }

  #lost(): void {
    const channel = this.#channel;
    this.#channel = null;
    this.yours = false;
    this.driver = null;
    this.latency = null;
    this.link = { ...FRESH, level: this.link.level };
    this.#asked.clear();
    if (!channel) return;
    this.picture.end();
    channel.close();
  }

  #ping(): void {
    if (this.standing.is !== "open") return;
    if (this.#asked.size >= UNANSWERED) this.#asked.clear();
    this.#number += 1;
    this.#asked.set(this.#number, this.now());
    this.#way.say({ type: "ping", number: this.#number } satisfies ToScreen);
  }

  #back(number: number): void {
    const asked = this.#asked.get(number);
    if (asked === undefined) return;
    this.#asked.delete(number);
    this.latency = Math.round(this.now() - asked);
    this.link = settle(this.link, this.latency);
  }
}
