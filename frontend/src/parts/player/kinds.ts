// Which files are recordings, by what they say of themselves.

export type RecordingKind = "screen" | "terminal";

const SCREEN = "application/x-pilothouse-screen";
const TERMINAL = "application/x-asciicast";

export function recordingKind(media_type: string, name: string): RecordingKind | null {
  const type = media_type.split(";")[0]?.trim().toLowerCase();
  if (type === SCREEN || name.endsWith(".rfbs")) return "screen";
  return type === TERMINAL || name.endsWith(".cast") ? "terminal" : null;
}
