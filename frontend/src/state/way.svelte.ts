// The way to something inside a run: a tunnel that is made again when it is
// lost, later and later, until a person leaves or the other end says that it
// is over.

import type { Problem, TunnelQuery } from "$/api/generated/proto";
import type { Connection, Tunnel } from "$/host/host";

export type Standing =
  | { is: "opening" }
  | { is: "open" }
  | { is: "lost"; problem: Problem | null }
  /** Over, until a person asks for another. */
  | { is: "ended"; why: string; again: boolean };

/** What comes out of it. */
export interface Heard {
  opened(): void;
  bytes(bytes: Uint8Array): void;
  /** Gives the end, if that is what was said. */
  said(text: string): { why: string; again: boolean } | null;
  /** Nothing more comes; whatever comes next begins anew. */
  lost(): void;
}

/** Seconds until the next try, and the longest of them. */
const FIRST_WAIT = 1;
const LONGEST_WAIT = 15;

export class Way {
  standing = $state.raw<Standing>({ is: "opening" });
  #tunnel: Tunnel | null = null;
  #wait = FIRST_WAIT;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Which try it is: what an earlier one still tells is of no interest. */
  #turn = 0;

  constructor(
    readonly connection: Connection,
    readonly query: TunnelQuery,
    readonly heard: Heard,
  ) {}

  /** Goes there; also again after the end. */
  open(): void {
    this.leave();
    this.standing = { is: "opening" };
    const turn = ++this.#turn;
    let ended: { why: string; again: boolean } | null = null;
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
    this.standing = { is: "open" };
    this.#wait = FIRST_WAIT;
  }

  send(bytes: Uint8Array): void {
    this.#tunnel?.send(bytes);
  }

  say(word: object): void {
    this.#tunnel?.say(JSON.stringify(word));
  }

  #closed(ended: { why: string; again: boolean } | null, problem: Problem | null): void {
    this.#tunnel = null;
    this.heard.lost();
    if (ended) {
      this.standing = { is: "ended", ...ended };
      return;
    }
    this.standing = { is: "lost", problem };
    // What a person has to change first is not tried again.
    if (problem && problem.code !== "repository_unreachable") return;
    this.#timer = setTimeout(() => this.open(), this.#wait * 1000);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }
}
