// A tool's input, as parts that can be shown: a command, an edit, a to-do
// list, fields. Agents name tools and fields as they like, so this looks at
// the fields; what it does not know stays visible as fields.

import type { JsonValue, Todo } from "$/api/generated/proto";

export type Shape =
  | { kind: "command"; text: string }
  | { kind: "path"; text: string }
  | { kind: "edit"; lines: EditLine[] }
  | { kind: "text"; label: string; text: string }
  | { kind: "markdown"; label: string; text: string }
  | { kind: "todos"; items: Todo[] }
  | { kind: "field"; label: string; text: string }
  | { kind: "json"; label: string; text: string };

export interface EditLine {
  change: "same" | "added" | "removed";
  text: string;
}

/** Longer strings, and those of several lines, get a block of their own. */
const INLINE_MAX = 120;
const PATHS = new Set(["file_path", "notebook_path", "path"]);
const CONTENTS = new Set(["content", "new_source", "text", "contents"]);

export function toolShape(input: JsonValue): Shape[] {
  if (typeof input === "string") return [{ kind: "text", label: "", text: input }];
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return [{ kind: "json", label: "", text: pretty(input) }];
  }
  const shapes: Shape[] = [];
  const left = new Map(Object.entries(input));
  takePath(left, shapes);
  takeCommand(left, shapes);
  takeEdits(left, shapes);
  for (const [name, value] of left) shapes.push(field(name, value));
  return shapes;
}

function takePath(left: Map<string, JsonValue>, shapes: Shape[]): void {
  for (const name of PATHS) {
    const value = left.get(name);
    if (typeof value !== "string" || value === "") continue;
    shapes.push({ kind: "path", text: value });
    left.delete(name);
  }
}

function takeCommand(left: Map<string, JsonValue>, shapes: Shape[]): void {
  const command = left.get("command");
  if (typeof command !== "string") return;
  shapes.push({ kind: "command", text: command });
  left.delete("command");
}

function takeEdits(left: Map<string, JsonValue>, shapes: Shape[]): void {
  const [before, after] = [left.get("old_string"), left.get("new_string")];
  if (typeof before === "string" && typeof after === "string") {
    shapes.push({ kind: "edit", lines: editLines(before, after) });
    left.delete("old_string");
    left.delete("new_string");
  }
  const edits = left.get("edits");
  if (!Array.isArray(edits) || !edits.every(isEdit)) return;
  for (const edit of edits) shapes.push({ kind: "edit", lines: editLines(edit.old_string, edit.new_string) });
  left.delete("edits");
}

function isEdit(value: JsonValue): value is { old_string: string; new_string: string } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return typeof value["old_string"] === "string" && typeof value["new_string"] === "string";
}

function field(name: string, value: JsonValue): Shape {
  const label = name.replaceAll("_", " ");
  if (name === "todos" && Array.isArray(value)) {
    const items = value.map(todo);
    if (items.every((item) => item !== null)) return { kind: "todos", items };
  }
  if (typeof value === "string") {
    if (CONTENTS.has(name)) return { kind: "text", label: "", text: value };
    if (name === "prompt" || name === "plan") return { kind: "markdown", label, text: value };
    const short = value.length <= INLINE_MAX && !value.includes("\n");
    return { kind: short ? "field" : "text", label, text: value };
  }
  if (typeof value === "object" && value !== null) return { kind: "json", label, text: pretty(value) };
  return { kind: "field", label, text: String(value) };
}

function todo(value: JsonValue): Todo | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const text = value["content"] ?? value["text"];
  const status = value["status"];
  return typeof text === "string" && typeof status === "string" ? { text, status } : null;
}

/** Only the ends are compared, which is what an edit of one place needs. */
export function editLines(before: string, after: string): EditLine[] {
  const [old, fresh] = [lines(before), lines(after)];
  let head = 0;
  while (head < old.length && head < fresh.length && old[head] === fresh[head]) head += 1;
  let tail = 0;
  while (
    tail < old.length - head &&
    tail < fresh.length - head &&
    old[old.length - 1 - tail] === fresh[fresh.length - 1 - tail]
  ) {
    tail += 1;
  }
  const as = (change: EditLine["change"], some: string[]) => some.map((text) => ({ change, text }));
  return [
    ...as("same", old.slice(0, head)),
    ...as("removed", old.slice(head, old.length - tail)),
    ...as("added", fresh.slice(head, fresh.length - tail)),
    ...as("same", old.slice(old.length - tail)),
  ];
}

function lines(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

function pretty(value: JsonValue): string {
  return JSON.stringify(value, null, 2);
}
