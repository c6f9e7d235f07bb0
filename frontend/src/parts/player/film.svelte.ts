// A film of a recording: asked of the hub, waited for, and saved as a file.

import { pathOf, type Client } from "$/api/client";
import { asProblem } from "$/api/errors";
import { FILM_PATH, type BlobId, type Film, type Problem, type TaskId } from "$/api/generated/proto";

/** Between two looks how far it is. */
const PAUSE_MS = 400;

export interface Recorded {
  task: TaskId;
  blob: BlobId;
}

export class FilmExport {
  /** None: nothing was asked for yet, or it is over. */
  film = $state.raw<Film | null>(null);
  problem = $state.raw<Problem | null>(null);
  #asked = 0;

  constructor(
    readonly client: Client,
    readonly recorded: Recorded,
    readonly pause: () => Promise<void> = () => new Promise((wake) => setTimeout(wake, PAUSE_MS)),
  ) {}

  /** 0 to 1; none: not known yet. */
  get share(): number | null {
    const { film } = this;
    return film && film.of_millis > 0 ? film.done_millis / film.of_millis : null;
  }

  /** What is to be known of the film that was saved; none: it came to nothing, or was stopped. */
  async save(name: string, skip_still: boolean): Promise<{ note: string | null } | null> {
    const of = { ...this.recorded, skip_still };
    this.#asked += 1;
    const asked = this.#asked;
    this.problem = null;
    try {
      let film = await this.client.call("film_make", of);
      while (asked === this.#asked && film.state !== "ready") {
        if (film.state === "failed") throw refused(film.note ?? "No film came of it.");
        this.film = film;
        await this.pause();
        if (asked === this.#asked) film = await this.client.call("film_show", of);
      }
      if (asked !== this.#asked) return null;
      this.film = film;
      const { path } = pathOf(FILM_PATH, of);
      await this.client.connection.download(`${path}?skip_still=${skip_still}`, filmName(name));
      return { note: film.note ?? null };
    } catch (thrown) {
      if (asked === this.#asked) this.problem = asProblem(thrown);
      return null;
    } finally {
      if (asked === this.#asked) this.film = null;
    }
  }

  /** Nobody waits for it any more, and nobody makes it. */
  async stop(skip_still: boolean): Promise<void> {
    this.leave();
    try {
      await this.client.call("film_drop", { ...this.recorded, skip_still });
    } catch (thrown) {
      this.problem = asProblem(thrown);
    }
  }

  /** It is made all the same, for whoever asks next. */
  leave(): void {
    this.#asked += 1;
    this.film = null;
  }
}

function refused(message: string): Problem {
  return { code: "precondition", message, hint: "" };
}

export function filmName(recording: string): string {
  const file = recording.split("/").at(-1) ?? recording;
  return `${file.replace(/\.rfbs$/, "")}.webm`;
}
