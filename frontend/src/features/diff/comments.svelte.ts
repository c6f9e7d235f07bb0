// Comments of a task: those sent, and where in the open file each stands.

import type { Client } from "$/api/client";
import type { ReviewNoteSent } from "$/api/generated/proto";
import type { FileView } from "./file.svelte";
import { keyOf, placed, type LineKey } from "./notes";

export interface PlacedNotes {
  at: ReadonlyMap<LineKey, ReviewNoteSent[]>;
  /** On the file as a whole. */
  file: ReviewNoteSent[];
  /** On lines that are not there any more. */
  outdated: ReviewNoteSent[];
}

export const NOWHERE: PlacedNotes = { at: new Map(), file: [], outdated: [] };

export class Comments {
  sent = $state.raw<ReviewNoteSent[]>([]);

  constructor(
    readonly client: Client,
    readonly task: string,
  ) {}

  async read(): Promise<void> {
    try {
      this.sent = await this.client.call("task_review_notes", { task: this.task });
    } catch {
      // Comments are shown beside the change, which can be read without them.
    }
  }

  /** Places the comments of one file. */
  async place(view: FileView): Promise<PlacedNotes> {
    const names = new Set([view.file.path, view.file.old_path ?? view.file.path]);
    const notes = this.sent.filter((note) => names.has(note.path));
    if (notes.length === 0) return NOWHERE;
    const lines = notes.some((note) => typeof note.first_line === "number") ? await view.lines() : null;
    const at = new Map<LineKey, ReviewNoteSent[]>();
    const [file, outdated]: [ReviewNoteSent[], ReviewNoteSent[]] = [[], []];
    for (const note of notes) {
      if (typeof note.first_line !== "number" || !lines) {
        file.push(note);
        continue;
      }
      const first = placed(note, note.old_side ? lines.old : lines.new);
      if (first === null) outdated.push(note);
      else {
        const key = keyOf(note.old_side, first + (note.last_line ?? note.first_line) - note.first_line);
        at.set(key, [...(at.get(key) ?? []), note]);
      }
    }
    return { at, file, outdated };
  }
}
