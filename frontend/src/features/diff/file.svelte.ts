// One changed file, as it is looked at: its rows, what is folded, its words.

import type { Client } from "$/api/client";
import { asProblem } from "$/api/errors";
import type { ChangedFile, FileDiff, Problem } from "$/api/generated/proto";
import { highlight } from "$/parts/code/highlight";
import { languageOf } from "$/parts/code/language";
import { Layout, type Fold, type Item } from "./layout";
import { linesOf } from "./notes";
import { stampOf } from "./reviewed";
import { RowStore, type Row } from "./rows";
import { columns, type Tokens } from "$/parts/code/text";

export interface Which {
  task: string;
  run: string | null;
  at: number | null;
}

export interface FileOptions {
  ignoreSpace: boolean;
  unified: boolean;
}

/** Rows around a change, before somebody asks for more. */
const CONTEXT = 5;
const FIRST_ROWS = 300;
/** Longer lines are not shown whole, and their width is not measured. */
export const LONGEST = 5000;
/** All rows at once, to find where a comment's lines went; as many as the hub gives. */
const MOST_ROWS = 20_000;

type Side = "old" | "new";

export class FileView {
  problem = $state.raw<Problem | null>(null);
  /** What the hub says of the file, without its rows. */
  about = $state.raw<Omit<FileDiff, "rows"> | null>(null);
  version = $state(0);
  columns = $state(60);
  unified = $state(false);
  #everything = $state(false);
  #opened = $state.raw<[number, number][]>([]);
  readonly stamp: string;
  readonly rows: RowStore;

  #tokens = { old: new Map<number, Tokens>(), new: new Map<number, Tokens>() };
  #stopped = false;
  #searched = false;

  constructor(
    readonly client: Client,
    readonly which: Which,
    readonly file: ChangedFile,
    readonly options: FileOptions,
  ) {
    this.stamp = stampOf(file);
    this.unified = options.unified;
    this.rows = new RowStore(
      (first, rows, context) => this.#read(first, rows, context),
      (numbers) => this.#arrived(numbers),
      (thrown) => (this.problem = asProblem(thrown)),
    );
  }

  readonly layout = $derived.by(
    () =>
      new Layout({
        total: this.about?.total_rows ?? 0,
        changes: this.about?.changes ?? [],
        context: this.#context,
        opened: this.#opened,
        // With lines on one side only there is nothing to sort.
        unified: this.unified && !this.#whole,
      }),
  );

  get #context(): number | null {
    return this.#everything || this.#whole ? null : CONTEXT;
  }

  /** A file that is new or gone has no lines that are the same. */
  get #whole(): boolean {
    return this.file.old === null || this.file.new === null;
  }

  get everything(): boolean {
    return this.#everything;
  }

  async open(row: number | null): Promise<void> {
    try {
      const diff = await this.#read(Math.max(0, (row ?? 0) - FIRST_ROWS / 2), FIRST_ROWS, this.#context);
      if (this.#stopped) return;
      const { rows: _, ...about } = diff;
      this.about = about;
      this.#arrived(this.rows.take(diff));
    } catch (thrown) {
      if (!this.#stopped) this.problem = asProblem(thrown);
    }
  }

  get closed(): boolean {
    return this.#stopped;
  }

  close(): void {
    this.#stopped = true;
    this.rows.clear();
  }

  item(index: number): Item | undefined {
    return this.layout.item(index);
  }

  row(number: number): Row | undefined {
    void this.version;
    return this.rows.row(number);
  }

  tokens(side: Side, line: number): Tokens {
    void this.version;
    return this.#tokens[side].get(line) ?? [];
  }

  /** Items in view. */
  show(first: number, last: number): void {
    const wanted: number[] = [];
    for (let index = first; index < last; index += 1) {
      const item = this.layout.item(index);
      if (item?.kind === "row") wanted.push(item.row);
      else if (item?.kind === "block")
        for (let at = 0; at < item.count; at += 1) wanted.push(item.first + at);
    }
    this.rows.want(wanted, this.#context, (row) => this.#byHand(row));
  }

  unfold(fold: Fold, part: "top" | "bottom" | "all"): void {
    this.#opened = [...this.#opened, Layout.opening(fold, part)];
  }

  /** Shows as much of the file as another view of it did. */
  showLike(other: FileView): void {
    this.#everything = other.#everything;
    this.#opened = other.#opened;
  }

  showEverything(everything: boolean): void {
    this.#everything = everything;
    this.#opened = [];
  }

  /** Lines of both sides that are known. With comments to place, the others too. */
  async lines(): Promise<ReturnType<typeof linesOf>> {
    const total = this.about?.total_rows ?? 0;
    if (!this.#searched && total <= MOST_ROWS && this.rows.held < total) {
      this.#searched = true;
      const diff = await this.#read(0, MOST_ROWS, null);
      if (!this.#stopped) this.#arrived(this.rows.take(diff));
    }
    return linesOf(this.rows.entries());
  }

  #read(first: number, rows: number, context: number | null): Promise<FileDiff> {
    const { task, run, at } = this.which;
    const ignore_space = this.options.ignoreSpace;
    return this.client.call("task_diff_file", {
      task,
      run,
      at,
      path: this.file.path,
      first,
      rows,
      context,
      ignore_space,
    });
  }

  #byHand(row: number): boolean {
    return this.#opened.some(([from, to]) => row >= from && row < to);
  }

  #arrived(numbers: number[]): void {
    if (this.#stopped) return;
    this.problem = null;
    for (const number of numbers) this.#widen(this.rows.row(number));
    this.version += 1;
    void this.#colour("old", numbers);
    void this.#colour("new", numbers);
  }

  #widen(row: Row | undefined): void {
    const texts = row?.row === "same" ? [row.text] : [row?.old?.text ?? "", row?.new?.text ?? ""];
    for (const text of texts) {
      if (text.length * 2 <= this.columns) continue;
      this.columns = Math.max(this.columns, Math.min(LONGEST, columns(text.slice(0, LONGEST), TAB)));
    }
  }

  /** Lines that follow each other are understood together. */
  async #colour(side: Side, numbers: number[]): Promise<void> {
    const language = languageOf(side === "old" ? (this.file.old_path ?? this.file.path) : this.file.path);
    if (!language) return;
    const known = this.#tokens[side];
    for (const chunk of together(numbers, (number) => lineOf(this.rows.row(number), side))) {
      if (chunk.every(([line]) => known.has(line))) continue;
      const found = await highlight(
        language,
        chunk.map(([, text]) => text),
      );
      if (this.#stopped || !found) return;
      chunk.forEach(([line], at) => known.set(line, found[at] ?? []));
      this.version += 1;
    }
  }
}

export const TAB = 4;

function lineOf(row: Row | undefined, side: Side): [number, string] | null {
  if (!row) return null;
  if (row.row === "same") return [row[side], row.text];
  const cell = row[side];
  return cell ? [cell.line, cell.text] : null;
}

/** A chunk for the worker: small enough that the first colours come soon. */
const CHUNK = 500;

function together(
  numbers: number[],
  line: (number: number) => [number, string] | null,
): [number, string][][] {
  const chunks: [number, string][][] = [];
  for (const number of numbers) {
    const found = line(number);
    if (!found) continue;
    const last = chunks.at(-1);
    const before = last?.at(-1);
    if (last && before && before[0] + 1 === found[0] && last.length < CHUNK) last.push(found);
    else chunks.push([found]);
  }
  return chunks;
}
