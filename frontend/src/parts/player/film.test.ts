import { expect, it } from "vitest";
import type { Client } from "$/api/client";
import { fault } from "$/api/errors";
import type { Film } from "$/api/generated/proto";
import { FilmExport, filmName } from "./film.svelte";

const RECORDED = { task: "t", blob: "b" };

/** A hub that answers with one film after the other, and then stays with the last. */
class Hub {
  asked: string[] = [];
  saved: string[] = [];

  constructor(readonly films: Partial<Film>[]) {}

  client = {
    call: (name: string) => {
      this.asked.push(name);
      if (name === "film_drop") return Promise.resolve({});
      const film = this.films.length > 1 ? this.films.shift() : this.films[0];
      return film
        ? Promise.resolve({ done_millis: 0, of_millis: 0, ...film })
        : Promise.reject(fault("not_found", "There is no such recording."));
    },
    connection: {
      download: (path: string, name: string) => {
        this.saved.push(`${path} ${name}`);
        return Promise.resolve();
      },
    },
  } as unknown as Client;
}

it("a film is asked for, waited for, and saved under the recording's name", async () => {
  const hub = new Hub([
    { state: "waiting" },
    { state: "making", done_millis: 1000, of_millis: 4000 },
    { state: "ready", size: 9, note: "It was cut off." },
  ]);
  const shares: (number | null)[] = [];
  const film = new FilmExport(hub.client, RECORDED, () => {
    shares.push(film.share);
    return Promise.resolve();
  });
  expect(await film.save("a/screen-1.rfbs", true)).toEqual({ note: "It was cut off." });
  expect(hub.asked).toEqual(["film_make", "film_show", "film_show"]);
  expect(shares).toEqual([null, 0.25]);
  expect(hub.saved).toEqual(["/api/tasks/t/films/b/webm?skip_still=true screen-1.webm"]);
  expect([film.film, film.problem]).toEqual([null, null]);
});

it("what no film comes of is said, and can be tried again", async () => {
  const hub = new Hub([{ state: "failed", note: "The hub's machine has no `ffmpeg`." }]);
  const film = new FilmExport(hub.client, RECORDED, () => Promise.resolve());
  expect(await film.save("x.rfbs", false)).toBeNull();
  expect(film.problem?.message).toContain("ffmpeg");
  hub.films.splice(0, 1, { state: "ready" });
  expect(await film.save("x.rfbs", false)).toEqual({ note: null });
  expect(film.problem).toBeNull();
});

it("a film that is stopped is not waited for and not saved", async () => {
  const hub = new Hub([{ state: "making" }]);
  const film: FilmExport = new FilmExport(hub.client, RECORDED, () => film.stop(false));
  expect(await film.save("x.rfbs", false)).toBeNull();
  expect(hub.asked).toEqual(["film_make", "film_drop"]);
  expect([hub.saved, film.film, film.problem]).toEqual([[], null, null]);
});

it("a film's name is the recording's", () => {
  expect(filmName("screen-2.rfbs")).toBe("screen-2.webm");
});
