// A place at a run's terminal: who types, how large it is, and the way there,
// which is made again when it is lost.

import type { FromTerminal, Problem, TaskId, ToTerminal } from "$/api/generated/proto";
import type { Connection, Tunnel } from "$/host/host";

/** Where what is shown goes. */
export interface Screen {
  write(bytes: Uint8Array): void;
  /** Everything comes again. */
  clear(): void;
  /** The terminal has this size, whoever chose it. */
  sized(columns: number, rows: number): void;
}

export type Standing =
  | { is: "opening" }
  | { is: "open" }
  | { is: "lost"; problem: Problem | null }
  /** Over for good, until a person asks for another. */
  | { is: "ended"; why: string };

/** Seconds until the next try, and the longest of them. */
const FIRST_WAIT = 1;
const LONGEST_WAIT = 15;
/** What goes into one frame: the hub takes 64 KiB. */
const PIECE = 32 * 1024;

export class Seat {
  standing = $state.raw<Standing>({ is: "opening" });
  driver = $state<string | null>(null);
  /** We type. */
  yours = $state(false);
  viewers = $state(0);
  #tunnel: Tunnel | null = null;
  #wait = FIRST_WAIT;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #size: { columns: number; rows: number } | null = null;
  readonly #encoder = new TextEncoder();

  constructor(
    readonly connection: Connection,
    readonly task: TaskId,
    readonly view: boolean,
    readonly screen: Screen,
  ) {}

  /** Goes there; also again after the end. */
  open(): void {
    this.leave();
    this.standing = { is: "opening" };
    let said = "";
    this.#tunnel = this.connection.tunnel(
      { task: this.task, port: null, view: this.view },
      {
        opened: () => this.screen.clear(),
        bytes: (bytes) => this.screen.write(bytes),
        said: (text) => {
          const word = JSON.parse(text) as FromTerminal;
          if (word.type === "ended") said = word.why;
          if (word.type === "state") this.#stands(word);
        },
        closed: (problem) => this.#closed(said, problem),
      },
    );
  }

  leave(): void {
    clearTimeout(this.#timer);
    const tunnel = this.#tunnel;
    this.#tunnel = null;
    tunnel?.close();
  }

  type(text: string): void {
    if (!this.yours) return;
    const bytes = this.#encoder.encode(text);
    for (let at = 0; at < bytes.length; at += PIECE) this.#tunnel?.send(bytes.subarray(at, at + PIECE));
  }

  /** This fits here. It counts while we type. */
  fits(columns: number, rows: number): void {
    this.#size = { columns, rows };
    if (this.yours) this.#say({ type: "resize", columns, rows });
  }

  drive(): void {
    this.#say({ type: "drive" });
  }

  #say(word: ToTerminal): void {
    this.#tunnel?.say(JSON.stringify(word));
  }

  #stands(word: FromTerminal & { type: "state" }): void {
    this.standing = { is: "open" };
    this.#wait = FIRST_WAIT;
    const began = word.yours && !this.yours;
    this.driver = word.driver ?? null;
    this.yours = word.yours;
    this.viewers = word.viewers;
    if (!word.yours) this.screen.sized(word.columns, word.rows);
    else if (began && this.#size) this.fits(this.#size.columns, this.#size.rows);
  }

  #closed(why: string, problem: Problem | null): void {
    if (!this.#tunnel) return;
    this.#tunnel = null;
    this.yours = false;
    this.driver = null;
    if (why) {
      this.standing = { is: "ended", why };
      return;
    }
    this.standing = { is: "lost", problem };
    // What a person has to change first is not tried again.
    if (problem && problem.code !== "repository_unreachable") return;
    this.#timer = setTimeout(() => this.open(), this.#wait * 1000);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }
}
