// Changing what a tool would be given: the command alone where there is one,
// otherwise the whole input as JSON.

import type { JsonValue } from "$/api/generated/proto";

export type Edited = { ok: true; input: JsonValue } | { ok: false; error: string };

/** The command is all there is to change for a person. */
function hasCommand(input: JsonValue): input is { [key in string]: JsonValue } {
  return (
    typeof input === "object" &&
    input !== null &&
    !Array.isArray(input) &&
    typeof input["command"] === "string"
  );
}

export function editable(input: JsonValue): { text: string; label: string } {
  if (hasCommand(input)) return { text: String(input["command"]), label: "Command" };
  return { text: JSON.stringify(input, null, 2), label: "Input, as JSON" };
}

export function edited(input: JsonValue, text: string): Edited {
  if (hasCommand(input)) {
    if (text.trim() === "") return { ok: false, error: "The command is empty." };
    return { ok: true, input: { ...input, command: text } };
  }
  try {
    return { ok: true, input: JSON.parse(text) as JsonValue };
  } catch (thrown) {
    return {
      ok: false,
      error: `This is not JSON: ${thrown instanceof Error ? thrown.message : "it cannot be read"}`,
    };
  }
}
