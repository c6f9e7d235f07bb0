// The programs of a test: started in directories of their own, ended with it.

import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const TARGET = path.join(process.env["CARGO_TARGET_DIR"] ?? path.join(ROOT, "target"), "debug");

/** Far longer than anything takes: a busy machine is no reason to fail. */
export const PATIENCE_MS = 1000 * Number(process.env["PATIENCE_SECS"] ?? 120);

export function program(name: string): string {
  const found = path.join(TARGET, name);
  if (!existsSync(found)) throw new Error(`${found} is missing: scripts/test builds it`);
  return found;
}

/** A directory that is removed with the test, and processes that end with it. */
export class Place {
  readonly directory = mkdtempSync(path.join(tmpdir(), "pilothouse-e2e-"));
  #processes: ChildProcess[] = [];

  path(...parts: string[]): string {
    return path.join(this.directory, ...parts);
  }

  start(command: string, args: string[], log: string, options: SpawnOptions = {}): ChildProcess {
    const out = openSync(this.path(`${log}.log`), "a");
    const child = spawn(command, args, {
      stdio: ["pipe", "pipe", out],
      ...options,
    });
    this.#processes.push(child);
    return child;
  }

  log(name: string): string {
    const file = this.path(`${name}.log`);
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  async end(): Promise<void> {
    await Promise.all(this.#processes.reverse().map(stop));
    // Shims outlive whoever started them; that is their purpose.
    killAll(this.#left());
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  }

  /** Its processes of one of these names. */
  pids(...names: string[]): number[] {
    return this.#left().filter((pid) => {
      try {
        return names.includes(readFileSync(`/proc/${pid}/comm`, "utf8").trim());
      } catch {
        return false; // It has ended meanwhile.
      }
    });
  }

  /** Processes that were started with this directory in their environment. */
  #left(): number[] {
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => {
        try {
          return (
            pid > 0 &&
            pid !== process.pid &&
            readFileSync(`/proc/${pid}/environ`, "utf8").includes(this.directory)
          );
        } catch {
          return false; // It has ended meanwhile.
        }
      });
  }
}

/** The hard way. */
export function killAll(pids: number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      // It may be gone already, or go with another of them.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** Fails when it takes longer; whoever calls ends what still goes on. */
export async function within<T>(millis: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not in ${millis} ms`)), millis);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.stdin?.end();
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await gone;
  clearTimeout(late);
}

/** The first line that a program prints. */
export async function firstLine(child: ChildProcess, what: string): Promise<string> {
  const out = child.stdout;
  if (!out) throw new Error(`${what} has no output`);
  for await (const line of createInterface({ input: out })) return line;
  throw new Error(`${what} ended without a word`);
}

/** Tries until it gives something; fails with the last reason after a long time. */
export async function until<T>(what: string, ask: () => Promise<T | undefined | null | false>): Promise<T> {
  const end = Date.now() + PATIENCE_MS;
  let last: unknown = null;
  while (Date.now() < end) {
    try {
      const answer = await ask();
      if (answer) return answer;
      last = null;
    } catch (thrown) {
      last = thrown;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited in vain: ${what}`, { cause: last });
}

/** A port of this machine that nobody has at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
