// Files that go with a task: checked here, kept by the hub as soon as they are
// chosen, so that filing only names them.

import type { Client } from "$/api/client";
import { asProblem } from "$/api/errors";
import type { Attachment } from "$/api/generated/proto";

const IMAGES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
/** The hub's bounds. */
export const MOST_BYTES = 10 * 1024 * 1024;
export const MOST_FILES = 20;

export interface Kept {
  key: number;
  name: string;
  size: number;
  /** To show it; none for text, and after a reload. */
  thumbnail: string | null;
  busy: boolean;
  problem: string | null;
  attachment: Attachment | null;
}

/** Why a file cannot be attached; none if it can. */
export function fileProblem(file: Pick<File, "name" | "type" | "size">): string | null {
  if (mediaTypeOf(file) === null) return "Only PNG, JPEG, GIF and WebP images and text can be attached.";
  if (file.size === 0) return "It is empty.";
  return file.size > MOST_BYTES ? "It is larger than 10 MB." : null;
}

export function mediaTypeOf(file: Pick<File, "name" | "type">): string | null {
  if (IMAGES.has(file.type)) return file.type;
  const isText = file.type.startsWith("text/") || ["application/json", "application/xml"].includes(file.type);
  return isText || (file.type === "" && /\.(txt|md|log|csv|json|ya?ml|toml|diff|patch)$/i.test(file.name))
    ? "text/plain"
    : null;
}

/** Names are paths on some systems, and all pasted images are `image.png`. */
export function freeName(name: string, taken: readonly string[]): string {
  const bare = (name.split(/[/\\]/).at(-1) ?? "").trim() || "file";
  if (!taken.includes(bare)) return bare;
  const dot = bare.lastIndexOf(".");
  const [stem, end] = dot > 0 ? [bare.slice(0, dot), bare.slice(dot)] : [bare, ""];
  let number = 2;
  while (taken.includes(`${stem}-${number}${end}`)) number += 1;
  return `${stem}-${number}${end}`;
}

function base64Of(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(reader.error ?? new Error("The file cannot be read."));
    reader.readAsDataURL(file);
  });
}

export class Attachments {
  items = $state.raw<Kept[]>([]);
  #next = 1;

  constructor(
    readonly client: Client,
    kept: readonly Attachment[],
    readonly changed: (kept: Attachment[]) => void,
  ) {
    this.items = kept.map((attachment) => ({
      key: this.#next++,
      name: attachment.name,
      size: attachment.size,
      thumbnail: null,
      busy: false,
      problem: null,
      attachment,
    }));
  }

  get kept(): Attachment[] {
    return this.items.flatMap(({ attachment }) => (attachment ? [attachment] : []));
  }

  get busy(): boolean {
    return this.items.some((item) => item.busy);
  }

  add(files: Iterable<File>): void {
    for (const file of files) void this.#add(file);
  }

  remove(key: number): void {
    const item = this.items.find((one) => one.key === key);
    if (item?.thumbnail) URL.revokeObjectURL(item.thumbnail);
    this.items = this.items.filter((one) => one.key !== key);
    this.changed(this.kept);
  }

  clear(): void {
    for (const { thumbnail } of this.items) if (thumbnail) URL.revokeObjectURL(thumbnail);
    this.items = [];
    this.changed([]);
  }

  async #add(file: File): Promise<void> {
    const key = this.#next++;
    const name = freeName(
      file.name,
      this.items.map((item) => item.name),
    );
    const full = this.kept.length >= MOST_FILES ? `A task has at most ${MOST_FILES} files.` : null;
    const problem = full ?? fileProblem(file);
    const media_type = mediaTypeOf(file);
    const thumbnail = !problem && media_type !== "text/plain" ? URL.createObjectURL(file) : null;
    const busy = !problem;
    this.items = [...this.items, { key, name, size: file.size, thumbnail, busy, problem, attachment: null }];
    if (problem || !media_type) return;
    try {
      const base64 = await base64Of(file);
      const attachment = await this.client.call("attachment_new", { name, media_type, base64 });
      this.#change(key, { busy: false, attachment });
    } catch (thrown) {
      this.#change(key, { busy: false, problem: asProblem(thrown).message });
    }
    this.changed(this.kept);
  }

  #change(key: number, change: Partial<Kept>): void {
    this.items = this.items.map((item) => (item.key === key ? { ...item, ...change } : item));
  }
}
