// Walls, gates and limits in words, with the icons that go with them.

import BrickWall from "@lucide/svelte/icons/brick-wall";
import BrickWallShield from "@lucide/svelte/icons/brick-wall-shield";
import Container from "@lucide/svelte/icons/container";
import ShieldOff from "@lucide/svelte/icons/shield-off";
import type {
  AppliedLimit,
  Door,
  GateMode,
  LimitMeans,
  Limited,
  NetworkPreset,
  WallLimits,
  WallsKind,
} from "$/api/generated/proto";
import { plural } from "$/parts/words";
import type { Icon } from "$/ui/icon";

export interface WallsLook {
  label: string;
  /** What it is, in a sentence. */
  text: string;
  icon: Icon;
}

const WALLS: Record<WallsKind, WallsLook> = {
  auto: {
    label: "The best there is",
    text: "The strongest that the runner's machine can do.",
    icon: BrickWall,
  },
  bubblewrap: {
    label: "Bubblewrap",
    text: "Own namespaces, an allow-list of the file system, a filter of system calls.",
    icon: BrickWallShield,
  },
  landlock: {
    label: "Landlock",
    text: "The same files as with bubblewrap, but processes, loopback and temporary files are the machine's own.",
    icon: BrickWall,
  },
  container: { label: "Container", text: "A container of Docker or Podman.", icon: Container },
  off: { label: "No walls", text: "The agent can do whatever the runner's user can.", icon: ShieldOff },
  unknown: { label: "Walls of a kind this build does not know", text: "", icon: BrickWall },
};

export function wallsLook(kind: WallsKind): WallsLook {
  return WALLS[kind] ?? WALLS.unknown;
}

export const GATES: Record<Exclude<GateMode, "unknown">, { label: string; text: string }> = {
  enforce: {
    label: "Enforce",
    text: "What no rule names is refused, and you are asked. The agent goes on meanwhile.",
  },
  learn: {
    label: "Learn",
    text: "What no rule names is let through and written down, to make a policy of it. Private addresses, and what a rule denies, stay refused.",
  },
  off: {
    label: "Off",
    text: "Everything passes that the machine itself reaches. It is still written down.",
  },
};

/** As the gate treats it: what is not known is enforced. */
export function gateOf(mode: GateMode): keyof typeof GATES {
  return mode in GATES ? (mode as keyof typeof GATES) : "enforce";
}

export const PRESETS: { preset: NetworkPreset; label: string; hosts: string }[] = [
  {
    preset: "npm",
    label: "npm, yarn, pnpm",
    hosts: "registry.npmjs.org, the registries of yarn, nodejs.org",
  },
  { preset: "crates", label: "Rust", hosts: "crates.io with its index and downloads, rustup" },
  { preset: "pypi", label: "Python", hosts: "pypi.org, files.pythonhosted.org, bootstrap.pypa.io" },
  { preset: "debian", label: "Debian and Ubuntu", hosts: "their package archives and security updates" },
  { preset: "go", label: "Go", hosts: "proxy.golang.org, sum.golang.org, go.dev" },
  { preset: "forge", label: "The project's forge", hosts: "the host of its repository, and of its forge" },
];

export const DOORS: Record<Door, { label: string; text: string }> = {
  connect: { label: "proxy", text: "CONNECT to the proxy of the gate" },
  http: { label: "http", text: "Plain HTTP" },
  tls: { label: "tls", text: "TLS without a proxy, known by its server name" },
  tcp: { label: "tcp", text: "Another protocol, straight to a port that a rule names" },
  dns: { label: "dns", text: "A name was looked up" },
  git: { label: "git", text: "Git, through the broker of the project's own repository" },
  unknown: { label: "other", text: "A door this build does not know" },
};

export const LIMITED: Record<Limited, string> = {
  memory: "Memory",
  pids: "Processes",
  cpu: "Processor",
  disk: "Disk",
  file: "Largest file",
  tmp: "Temporary files",
  open_files: "Open files",
  unknown: "Something this build does not know",
};

const MEANS: Record<LimitMeans, string> = {
  cgroup_v2: "control group, for all processes together",
  cgroup_v1: "control group (version 1), for all processes together",
  rlimit: "resource limit, for each process by itself",
  tmpfs: "size of a file system in memory",
  watched: "measured every few seconds, ended after the fact",
  engine: "the container engine's",
  unknown: "by a means this build does not know",
};

export function meansWords(means: LimitMeans): string {
  return MEANS[means] ?? MEANS.unknown;
}

/** `8 GiB`, `512 MiB`. */
export function mebibytes(size: number): string {
  if (size < 1024) return `${size} MiB`;
  return `${(size / 1024).toFixed(1).replace(/\.0$/, "")} GiB`;
}

export function limitWords({ what, value }: Pick<AppliedLimit, "what" | "value">): string {
  switch (what) {
    case "memory":
    case "disk":
    case "file":
    case "tmp":
      return mebibytes(value);
    case "cpu":
      return plural(Number((value / 100).toFixed(2)), "core");
    default:
      return value.toLocaleString("en");
  }
}

/** Fields of a wish, in the order they are asked for. */
export const LIMIT_FIELDS: { field: keyof WallLimits; label: string; unit: string; hint: string }[] = [
  { field: "memory_mb", label: "Memory", unit: "MiB", hint: "Of all processes together." },
  { field: "pids", label: "Processes", unit: "", hint: "And threads, at one moment." },
  { field: "cpu_percent", label: "Processor", unit: "%", hint: "Of one core: 200 is two cores." },
  { field: "disk_mb", label: "Disk", unit: "MiB", hint: "Written on top of what was there." },
  { field: "file_mb", label: "Largest file", unit: "MiB", hint: "A single one." },
  {
    field: "tmp_mb",
    label: "Temporary files",
    unit: "MiB",
    hint: "In memory: /tmp, /var/tmp, /dev/shm, each.",
  },
  { field: "open_files", label: "Open files", unit: "", hint: "Of one process." },
];
