// What the page runs in: the desktop window or a browser. The one seam
// between them; everything else asks "can this host do X", never "where am I".

import type { Problem, SignIn, TunnelQuery } from "$/api/generated/proto";

/** What a host may be able to do. A control for what it cannot is absent. */
export type Capability =
  | "several_hubs"
  | "local_hub"
  | "keychain"
  | "notifications"
  | "tray"
  | "deep_links"
  | "autostart"
  | "updater"
  | "graphics"
  | "crash_reports"
  | "sign_in"
  | "install";

/** One WebSocket's worth of text frames, whatever carries them. */
export interface Frames {
  send(text: string): void;
  close(): void;
}

export interface FrameEvents {
  opened(): void;
  /** Whole frames, in order. */
  frames(texts: string[]): void;
  /** Once, at the end; with why, where that is known. */
  closed(problem: Problem | null): void;
}

/** A tunnel into a run: bytes and words about them. */
export interface Tunnel {
  send(bytes: Uint8Array): void;
  say(text: string): void;
  close(): void;
}

export interface TunnelEvents {
  opened(): void;
  bytes(bytes: Uint8Array): void;
  said(text: string): void;
  /** Once, at the end; with why, where that is known. */
  closed(problem: Problem | null): void;
}

export interface ScreenEvents extends TunnelEvents {
  /** What moved on the screen, as `crates/screen/src/viewing/frame.rs` says. */
  frame(bytes: Uint8Array): void;
  /** What came cannot be decoded, and nothing follows. */
  broken(): void;
}

/** The way to one hub. */
export interface Connection {
  /**
   * Carries a command. `path` has its parameters and query, `body` is JSON.
   * Resolves to the response's JSON text; rejects with a `Problem`.
   */
  call(method: "GET" | "POST" | "DELETE", path: string, body?: string): Promise<string>;
  /** Opens the live socket. Never throws: what fails is told by `closed`. */
  live(events: FrameEvents): Frames;
  /** Opens a tunnel. Never throws: what fails is told by `closed`. */
  tunnel(query: TunnelQuery, events: TunnelEvents): Tunnel;
  /**
   * Opens a screen's tunnel, where the host decodes better than a page: what
   * moves comes out as frames, and its bytes are RFB of all else.
   */
  screen?(query: TunnelQuery, events: ScreenEvents): Tunnel;
  /** The bytes at a raw path. */
  bytes(path: string): Promise<Uint8Array>;
  /** Saves the bytes at a raw path as a file of the person's. */
  download(path: string, name: string): Promise<void>;
  /** A URL whose bytes an `<img>` may show, for a raw path; revoke it when done. */
  objectUrl(path: string): Promise<string>;
}

/** A hub the host knows. */
export interface HubEntry {
  id: string;
  name: string;
  url: string;
  /** SHA-256 of its pinned certificate, hex; null on loopback. */
  fingerprint: string | null;
  /** It lives in this very app. */
  local: boolean;
}

/** How the hub in this app is. */
export type LocalHub =
  | { state: "starting" }
  | { state: "running" }
  | { state: "locked"; keychain: Keychain }
  | { state: "failed"; problem: Problem };

/** How the system's keychain is. */
export type Keychain =
  | { state: "works"; name: string }
  | { state: "locked" }
  | { state: "no_service" }
  | { state: "no_bus" }
  | { state: "sealed_file"; unlocked: boolean };

/** What somebody outside (a link, a notification) wants shown. Never acted upon. */
export type Intent =
  | {
      kind: "new_task";
      project?: string;
      issue?: string;
      prompt?: string;
      agent?: string;
      model?: string;
      mode?: string;
    }
  | { kind: "route"; path: string; hub?: string }
  | { kind: "join"; code: string }
  | { kind: "hub"; url: string }
  | { kind: "refused"; reason: string }
  /** Nothing is wanted; a person should read it once. */
  | { kind: "said"; problem: Problem };

export interface QuietHours {
  /** Minutes after midnight, local time. */
  from: number;
  until: number;
}

export interface DesktopSettings {
  notifications: boolean;
  quiet_hours: QuietHours | null;
  autostart: boolean;
  close_to_tray: boolean;
  graphics: "auto" | "safe" | "accelerated";
}

/** A port of a run that is open on this machine's loopback. */
export interface OpenPort {
  /** Inside. */
  port: number;
  /** What a browser here opens. */
  url: string;
}

/** What only the desktop window can do. */
export interface Desktop {
  hubs(): Promise<HubEntry[]>;
  /** Looks at a hub without trusting it: what would be pinned. */
  probeHub(url: string): Promise<{
    url: string;
    fingerprint: string | null;
    /** The system's authorities vouch for it: it need not be pinned. */
    vouched: boolean;
  }>;
  /** Adds it with the certificate a person has seen, and its token. */
  addHub(hub: { name: string; url: string; fingerprint: string | null; token: string }): Promise<HubEntry>;
  removeHub(id: string): Promise<void>;
  /** Trusts the certificate it shows now, which a person has compared. */
  repinHub(id: string, fingerprint: string): Promise<void>;
  /** Tells how it is now, and whenever that changes. */
  onLocalHub(listener: (hub: LocalHub) => void): () => void;
  /** Opens it, until it is shut or the program ends; gives the one that is open already. */
  openPort(hub: string, task: string, port: number): Promise<OpenPort>;
  shutPort(hub: string, task: string, port: number): Promise<void>;
  /** Those of a task. */
  ports(hub: string, task: string): Promise<OpenPort[]>;
  keychain(): Promise<Keychain>;
  /** Makes or opens the sealed file that stands in for a keychain. */
  unlockSealed(passphrase: string): Promise<void>;
  retryKeychain(): Promise<void>;
  settings(): Promise<DesktopSettings>;
  saveSettings(settings: DesktopSettings): Promise<void>;
  /** Shows one notification; says what is wrong where that is known. */
  testNotification(): Promise<Problem | null>;
  /** A tray is there to be hidden in. */
  hasTray(): Promise<boolean>;
  onIntent(listener: (intent: Intent) => void): () => void;
  /** What the page shows: nothing is announced that a person looks at. */
  showing(hub: string, path: string): void;
  /** A report of a crash of the app before this start, if there is one. */
  crashReport(): Promise<{ file: string; text: string } | null>;
  dismissCrashReport(): Promise<void>;
  openCrashFolder(): Promise<void>;
  /** Asked only when a person wants to know; rejects where nobody says. */
  newerVersion(): Promise<string | null>;
  about(): Promise<{ version: string; rendering: string; data: string }>;
}

export interface Host {
  readonly capabilities: ReadonlySet<Capability>;
  /** Path below which the pages are, with slashes at both ends. */
  readonly base: string;
  connect(hub: string): Connection;
  /** Opens a web page outside. Only `http:` and `https:`. */
  openExternal(url: string): void;
  copy(text: string): Promise<void>;
  /** Browser: makes and ends this browser's session. */
  signIn?(how: SignIn): Promise<void>;
  signOut?(): Promise<void>;
  readonly desktop?: Desktop;
}
