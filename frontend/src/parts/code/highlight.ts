// Asks the worker for the words of lines. One worker for the whole page; it is
// started with the first file that has a language, and never waited for.

import type { Ask, Told } from "./highlight.worker";
import type { Language } from "./language";

let worker: Worker | null = null;
let broken = false;
let next = 1;
const waiting = new Map<number, (lines: number[][] | null) => void>();

function start(): Worker | null {
  if (worker || broken) return worker;
  try {
    worker = new Worker(new URL("./highlight.worker.ts", import.meta.url), { type: "module" });
  } catch {
    broken = true;
    return null;
  }
  worker.onmessage = ({ data }: MessageEvent<Told>) => {
    waiting.get(data.id)?.(data.lines);
    waiting.delete(data.id);
  };
  worker.onerror = () => {
    // Without colours everything can be read still.
    broken = true;
    worker = null;
    for (const tell of waiting.values()) tell(null);
    waiting.clear();
  };
  return worker;
}

export function highlight(language: Language, lines: string[]): Promise<number[][] | null> {
  const at = start();
  if (!at) return Promise.resolve(null);
  const id = next++;
  const ask: Ask = { id, language, lines };
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    at.postMessage(ask);
  });
}
