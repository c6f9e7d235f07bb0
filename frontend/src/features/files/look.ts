// How a file can be looked at here.

import { RESCUE_PATH, type TaskId } from "$/api/generated/proto";
import { recordingKind, type RecordingKind } from "$/parts/player/kinds";

export type Look = "image" | "text" | RecordingKind | "none";

/** What a browser shows by itself. SVG is not among them: it can hold anything. */
const IMAGES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"]);
const TEXTS = /^(text\/|application\/(json|xml|x-sh|javascript|toml|yaml|x-yaml|x-ndjson)|image\/svg\+xml)/;

/** Larger images are not fetched to be looked at. */
const IMAGE_MAX = 20_000_000;
/** A recording has at most 64 MiB. */
const RECORDING_MAX = 65 * 1024 * 1024;
/** Of a larger text one would fetch much to see a little. */
const TEXT_MAX = 5_000_000;

export function lookOf(media_type: string, size: number, name = ""): Look {
  const recorded = recordingKind(media_type, name);
  if (recorded) return size <= RECORDING_MAX ? recorded : "none";
  const type = media_type.split(";")[0]?.trim().toLowerCase() ?? "";
  if (IMAGES.has(type)) return size <= IMAGE_MAX ? "image" : "none";
  if (TEXTS.test(type)) return size <= TEXT_MAX ? "text" : "none";
  return "none";
}

export function rescuePath(task: TaskId): string {
  return RESCUE_PATH.replace("{task}", encodeURIComponent(task));
}

/** The name without its directories, for a download. */
export function lastPart(name: string): string {
  return name.split("/").at(-1) || name;
}

/** What to type in a clone to have the rescued work on a branch. */
export function rescueCommand(file: string, reference: string, branch: string): string {
  return `git fetch ./${file} ${reference}:${branch}-rescued`;
}
