// What happened to a file, in a sign and in words; and what it is, where that
// is not plain text.

import FileDiff from "@lucide/svelte/icons/file-diff";
import FileMinus from "@lucide/svelte/icons/file-minus";
import FilePlus from "@lucide/svelte/icons/file-plus";
import FileQuestionMark from "@lucide/svelte/icons/file-question-mark";
import FileSymlink from "@lucide/svelte/icons/file-symlink";
import LockKeyhole from "@lucide/svelte/icons/lock-keyhole";
import Shapes from "@lucide/svelte/icons/shapes";
import type { Change, ChangedFile, SideKind } from "$/api/generated/proto";
import type { Icon, Tone } from "$/ui/icon";

export interface ChangeKind {
  icon: Icon;
  words: string;
  tone: Tone;
}

const KINDS: Record<Change, ChangeKind> = {
  added: { icon: FilePlus, words: "Added", tone: "ok" },
  modified: { icon: FileDiff, words: "Modified", tone: "wait" },
  deleted: { icon: FileMinus, words: "Deleted", tone: "fail" },
  renamed: { icon: FileSymlink, words: "Renamed", tone: "info" },
  mode_changed: { icon: LockKeyhole, words: "Mode changed", tone: "info" },
  type_changed: { icon: Shapes, words: "Became something else", tone: "info" },
  unknown: { icon: FileQuestionMark, words: "Changed", tone: "neutral" },
};

export function kindOf(file: ChangedFile): ChangeKind {
  return KINDS[file.change];
}

const SIDES: Record<SideKind, string | null> = {
  text: null,
  not_utf8: "Not UTF-8: unreadable bytes are shown as �",
  binary: "Binary",
  symlink: "Symbolic link",
  submodule: "Submodule",
  lfs_pointer: "Git LFS pointer",
  unknown: null,
};

/** What a person should know before reading: kinds and modes. */
export function factsOf(file: ChangedFile): string[] {
  const kinds = [file.old, file.new].flatMap((side) => (side ? [SIDES[side.kind]] : []));
  const facts = [...new Set(kinds)].filter((kind): kind is string => kind !== null);
  if (file.old && file.new && file.old.mode !== file.new.mode) {
    facts.push(`Mode ${file.old.mode.toString(8)} → ${file.new.mode.toString(8)}`);
  }
  return facts;
}

/** Files that a browser shows as pictures. */
export function isImage(file: ChangedFile): boolean {
  const binary = [file.old, file.new].some((side) => side?.kind === "binary");
  return binary && /\.(png|jpe?g|gif|webp|avif|bmp|ico)$/i.test(file.path);
}
