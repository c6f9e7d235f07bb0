// The changed files as a tree: folders with the sum of what is in them, chains
// of folders with nothing else in one row. Pure.

import type { ChangedFile, DiffSize } from "$/api/generated/proto";

export interface FileNode {
  kind: "file";
  path: string;
  name: string;
  depth: number;
  file: ChangedFile;
}

export interface FolderNode {
  kind: "folder";
  path: string;
  name: string;
  depth: number;
  size: DiffSize;
}

export type TreeNode = FileNode | FolderNode;

interface Folder {
  name: string;
  path: string;
  folders: Map<string, Folder>;
  files: ChangedFile[];
  size: DiffSize;
}

function folder(name: string, path: string): Folder {
  return { name, path, folders: new Map(), files: [], size: { files: 0, added: 0, removed: 0 } };
}

/** The tree of some files: sorted once, however often folders are opened and closed. */
export class Tree {
  readonly #root = folder("", "");
  /** All files, from top to bottom. */
  readonly order: ChangedFile[];

  constructor(files: readonly ChangedFile[]) {
    for (const file of files) place(this.#root, file);
    sort(this.#root);
    this.order = this.rows(new Set()).flatMap((node) => (node.kind === "file" ? [node.file] : []));
  }

  /** The rows of the tree; what is below a closed folder is left out. */
  rows(closed: ReadonlySet<string>): TreeNode[] {
    const rows: TreeNode[] = [];
    spread(this.#root, 0, closed, rows);
    return rows;
  }
}

/** Names within a folder: whole paths would compare their beginnings again and again. */
function sort(at: Folder): void {
  at.folders = new Map([...at.folders].sort(([one], [other]) => order(one, other)));
  const named = at.files.map((file) => [nameOf(file.path), file] as const);
  at.files = named.sort(([one], [other]) => order(one, other)).map(([, file]) => file);
  for (const inner of at.folders.values()) sort(inner);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function place(root: Folder, file: ChangedFile): void {
  const parts = file.path.split("/");
  let at = root;
  count(at, file);
  for (const name of parts.slice(0, -1)) {
    let next = at.folders.get(name);
    if (!next) {
      next = folder(name, at.path === "" ? name : `${at.path}/${name}`);
      at.folders.set(name, next);
    }
    at = next;
    count(at, file);
  }
  at.files.push(file);
}

function count(at: Folder, file: ChangedFile): void {
  at.size.files += 1;
  at.size.added += file.added ?? 0;
  at.size.removed += file.removed ?? 0;
}

function spread(at: Folder, depth: number, closed: ReadonlySet<string>, rows: TreeNode[]): void {
  for (const first of at.folders.values()) {
    let [inner, name] = [first, first.name];
    while (inner.files.length === 0 && inner.folders.size === 1) {
      const [only] = inner.folders.values();
      if (!only) break;
      inner = only;
      name += `/${only.name}`;
    }
    rows.push({ kind: "folder", path: inner.path, name, depth, size: inner.size });
    if (!closed.has(inner.path)) spread(inner, depth + 1, closed, rows);
  }
  for (const file of at.files) {
    rows.push({ kind: "file", path: file.path, name: nameOf(file.path), depth, file });
  }
}

const COLLATOR = new Intl.Collator(undefined, { numeric: true });

function order(one: string, other: string): number {
  return COLLATOR.compare(one, other) || (one < other ? -1 : 1);
}

/** Files whose path has every word of a filter; `!word` leaves those out that have it. */
export function filtered(files: readonly ChangedFile[], filter: string): ChangedFile[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...files];
  return files.filter((file) => {
    const path = `${file.path} ${file.old_path ?? ""}`.toLowerCase();
    return words.every((word) =>
      word.startsWith("!") ? !path.includes(word.slice(1)) : path.includes(word),
    );
  });
}

export function sizeOf(files: readonly ChangedFile[]): DiffSize {
  const size = { files: 0, added: 0, removed: 0 };
  for (const file of files) {
    size.files += 1;
    size.added += file.added ?? 0;
    size.removed += file.removed ?? 0;
  }
  return size;
}
