// The way to something inside a run: a tunnel that is made again when it is
// lost, later and later, until a person leaves or the other end says that it
// is over.

import type { Problem, TunnelQuery } from "$/api/generated/proto";
import type { Connection, Tunnel } from "$/host/host";

export type Standing =
  | { is: "opening" }
  | { is: "open" }
  /** It is made again by itself, unless there is a problem that a person has to mend first. */
  | { is: "lost"; problem: Problem | null; why: string | null }
  /** Over, until a person asks for another. */
  | { is: "ended"; why: string };

/** An end that was told. */
export interface End {
  why: string;
  /** What is missing comes back by itself, or by being asked for. */
  again: boolean;
}

/** What comes out of it. */
export interface Heard {
  opened(): void;
  bytes(bytes: Uint8Array): void;
  /** Gives the end, if that is what was said. */
  said(text: string): End | null;
  /** Nothing more comes; whatever comes next begins anew. */
  lost(): void;
}

/** Seconds until the next try, and the longest of them. */
const FIRST_WAIT = 1;
const LONGEST_WAIT = 15;
/** What stood for so long was no failed try: the next one is the first again. */
const STOOD_MS = 10_000;

export class Way {
  standing = $state.raw<Standing>({ is: "opening" });
  #tunnel: Tunnel | null = null;
  #wait = FIRST_WAIT;
  #stands: ReturnType<typeof setTimeout> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Which try it is: what an earlier one still tells is of no interest. */
  #turn = 0;

  constructor(
    readonly connection: Pick<Connection, "tunnel">,
    readonly query: TunnelQuery,
    readonly heard: Heard,
  ) {}

  /** Goes there; also again after the end. */
  open(): void {
    this.leave();
    this.standing = { is: "opening" };
    const turn = ++this.#turn;
    let ended: End | null = null;
    this.#tunnel = this.connection.tunnel(this.query, {
      opened: () => this.heard.opened(),
      bytes: (bytes) => this.heard.bytes(bytes),
      said: (text) => (ended = this.heard.said(text) ?? ended),
      closed: (problem) => {
        if (this.#turn === turn) this.#closed(ended, problem);
      },
    });
  }

  leave(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#stands);
    this.#turn += 1;
    const tunnel = this.#tunnel;
    this.#tunnel = null;
    tunnel?.close();
  }

  /** What came cannot be read: as if it were lost. */
  lose(problem: Problem | null): void {
    if (!this.#tunnel) return;
    this.leave();
    this.#closed(null, problem);
  }

  /** The other end has said how it stands. */
  stands(): void {
    if (this.standing.is === "open") return;
    this.standing = { is: "open" };
    this.#stands = setTimeout(() => (this.#wait = FIRST_WAIT), STOOD_MS);
  }

  send(bytes: Uint8Array): void {
    this.#tunnel?.send(bytes);
  }

  say(word: object): void {
    this.#tunnel?.say(JSON.stringify(word));
  }

  #closed(ended: End | null, problem: Problem | null): void {
    this.#tunnel = null;
    clearTimeout(this.#stands);
    this.heard.lost();
    if (ended && !ended.again) {
      this.standing = { is: "ended", why: ended.why };
      return;
    }
    // What a person has to change first is not tried again.
    const mend = !ended && problem && problem.code !== "repository_unreachable" ? problem : null;
    this.standing = { is: "lost", problem: mend, why: ended?.why ?? null };
    if (mend) return;
    this.#timer = setTimeout(() => this.open(), this.#wait * 1000);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }
}
