// Comments that are being written and have not been sent. They are kept on
// this device until they are: neither a reload nor a vanished hub loses them.

import type { ReviewNote } from "$/api/generated/proto";
import { Draft } from "$/state/draft.svelte";
import { placed, type Lines } from "./notes";

export interface PendingNote extends ReviewNote {
  id: string;
}

export interface Target {
  path: string;
  old: boolean;
  /** None: the file. */
  first: number | null;
  last: number | null;
  quote: string;
}

export class Pending {
  #kept: Draft;
  /** About the whole change. */
  readonly text: Draft;
  notes = $state.raw<PendingNote[]>([]);
  /** The one that is being written. */
  editing = $state<string | null>(null);

  constructor(task: string) {
    this.#kept = new Draft(`review/${task}`);
    this.text = new Draft(`review-text/${task}`);
    this.notes = understood(this.#kept.text);
  }

  /** What would be sent. */
  get ready(): PendingNote[] {
    return this.notes.filter((note) => note.text.trim() !== "");
  }

  begin(target: Target): void {
    const same = this.notes.find(
      (note) =>
        note.path === target.path &&
        note.old_side === target.old &&
        (note.first_line ?? null) === target.first &&
        (note.last_line ?? null) === target.last,
    );
    if (same) {
      this.editing = same.id;
      return;
    }
    const id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    const { path, old, first, last, quote } = target;
    this.#keep([
      ...this.notes,
      { id, path, old_side: old, first_line: first, last_line: last, quote, text: "" },
    ]);
    this.editing = id;
  }

  write(id: string, text: string): void {
    this.#keep(this.notes.map((note) => (note.id === id ? { ...note, text } : note)));
  }

  /** Done writing; a comment that says nothing is none. */
  finish(id: string): void {
    if (this.editing === id) this.editing = null;
    this.#keep(this.notes.filter((note) => note.id !== id || note.text.trim() !== ""));
  }

  remove(id: string): void {
    if (this.editing === id) this.editing = null;
    this.#keep(this.notes.filter((note) => note.id !== id));
  }

  /** The file has changed: what is said of its lines moves with them. */
  follow(path: string, lines: Record<"old" | "new", Lines>): void {
    this.#keep(
      this.notes.map((note) => {
        const first = note.path === path ? placed(note, lines[note.old_side ? "old" : "new"]) : null;
        if (first === null || typeof note.first_line !== "number") return note;
        const last_line = first + (note.last_line ?? note.first_line) - note.first_line;
        return { ...note, first_line: first, last_line };
      }),
    );
  }

  /** They were sent; what was begun meanwhile stays. */
  sent(ids: ReadonlySet<string>): void {
    this.text.clear();
    this.#keep(this.notes.filter((note) => !ids.has(note.id)));
  }

  #keep(notes: PendingNote[]): void {
    this.notes = notes;
    const said = notes.filter((note) => note.text !== "");
    this.#kept.text = said.length > 0 ? JSON.stringify(said) : "";
  }
}

function understood(text: string): PendingNote[] {
  try {
    const notes: unknown = JSON.parse(text || "[]");
    return Array.isArray(notes)
      ? (notes as PendingNote[]).filter((note) => typeof note?.text === "string")
      : [];
  } catch {
    return [];
  }
}
