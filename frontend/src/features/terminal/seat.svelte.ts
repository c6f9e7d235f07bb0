// A place at a run's terminal: who types, and how large it is.

import type { FromTerminal, TaskId, ToTerminal } from "$/api/generated/proto";
import type { Connection } from "$/host/host";
import { Way, type End, type Standing } from "$/state/way.svelte";

/** Where what is shown goes. */
export interface Screen {
  write(bytes: Uint8Array): void;
  /** Everything comes again. */
  clear(): void;
  /** The terminal has this size, whoever chose it. */
  sized(columns: number, rows: number): void;
}

/** What goes into one frame: the hub takes 64 KiB. */
const PIECE = 32 * 1024;

export class Seat {
  driver = $state<string | null>(null);
  /** We type. */
  yours = $state(false);
  viewers = $state(0);
  readonly #way: Way;
  #size: { columns: number; rows: number } | null = null;
  readonly #encoder = new TextEncoder();

  constructor(
    connection: Connection,
    readonly task: TaskId,
    readonly view: boolean,
    readonly screen: Screen,
  ) {
    this.#way = new Way(
      connection,
      { task, port: null, view },
      {
        opened: () => screen.clear(),
        bytes: (bytes) => screen.write(bytes),
        said: (text) => this.#said(JSON.parse(text) as FromTerminal),
        lost: () => {
          this.yours = false;
          this.driver = null;
        },
      },
    );
  }

  get standing(): Standing {
    return this.#way.standing;
  }

  /** Goes there; also again after the end. */
  open(): void {
    this.#way.open();
  }

  leave(): void {
    this.#way.leave();
  }

  type(text: string): void {
    if (!this.yours) return;
    const bytes = this.#encoder.encode(text);
    for (let at = 0; at < bytes.length; at += PIECE) this.#way.send(bytes.subarray(at, at + PIECE));
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
    this.#way.say(word);
  }

  #said(word: FromTerminal): End | null {
    if (word.type === "state") this.#stands(word);
    return word.type === "ended" ? { why: word.why, again: word.again } : null;
  }

  #stands(word: FromTerminal & { type: "state" }): void {
    this.#way.stands();
    const began = word.yours && !this.yours;
    this.driver = word.driver ?? null;
    this.yours = word.yours;
    this.viewers = word.viewers;
    if (!word.yours) this.screen.sized(word.columns, word.rows);
    else if (began && this.#size) this.fits(this.#size.columns, this.#size.rows);
  }
}
