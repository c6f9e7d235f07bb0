// The desktop window: every word to a hub goes through the program's own
// side, which holds the tokens and the pinned certificates. Nothing secret is
// ever here.

import { Channel, invoke } from "@tauri-apps/api/core";
import { asProblem } from "$/api/errors";
import type { Problem, TunnelQuery } from "$/api/generated/proto";
import type {
  Capability,
  Connection,
  Desktop,
  DesktopSettings,
  FrameEvents,
  Frames,
  Host,
  HubEntry,
  Intent,
  Keychain,
  LocalHub,
  OpenPort,
  ScreenEvents,
  Tunnel,
  TunnelEvents,
} from "./host";

const CAPABILITIES: ReadonlySet<Capability> = new Set<Capability>([
  "several_hubs",
  "local_hub",
  "keychain",
  "notifications",
  "tray",
  "deep_links",
  "autostart",
  "updater",
  "graphics",
  "crash_reports",
]);

/** Asks the program; what it refuses is a `Problem`, as from a hub. */
async function ask<T>(command: string, request: Record<string, unknown> = {}): Promise<T> {
  try {
    return await invoke<T>(command, request);
  } catch (thrown) {
    throw asProblem(thrown);
  }
}

/** For a word whose loss something else tells: the end of a socket, the next start. */
const untold = (): void => undefined;

type SocketEvent =
  { type: "opened" } | { type: "frames"; texts: string[] } | { type: "closed"; problem: Problem | null };

// Not from 1 after a reload: the program may still hold sockets of the page
// that was here before.
let sockets = Math.floor(Math.random() * 2 ** 31);

function live(hub: string, events: FrameEvents): Frames {
  const socket = sockets++;
  let over = false;
  const close = (problem: Problem | null) => {
    if (over) return;
    over = true;
    events.closed(problem);
  };
  const page = new Channel<SocketEvent>((event) => {
    if (over) return;
    switch (event.type) {
      case "opened":
        return events.opened();
      case "frames":
        events.frames(event.texts);
        // Only now the next ones are sent: a page that lags is not flooded.
        ask("live_taken", { socket }).catch(untold);
        return;
      case "closed":
        return close(event.problem);
    }
  });
  // One after the other: two calls at once may arrive in either order.
  let said: Promise<unknown> = ask("live_open", { hub, socket, page }).catch((thrown: unknown) =>
    close(asProblem(thrown)),
  );
  return {
    send: (text) => {
      said = said.then(() => (over ? undefined : ask("live_say", { socket, text }))).catch(untold);
    },
    close: () => {
      said = said.then(() => ask("live_close", { socket })).catch(untold);
      close(null);
    },
  };
}

// As the program marks what crosses: see src-tauri/src/tunnel.rs.
const BYTES = 0;
const TEXT = 1;
const OPENED = 2;
const CLOSED = 3;
const BROKEN = 4;
const FRAME = 5;

function tunnel(hub: string, query: TunnelQuery, events: TunnelEvents): Tunnel {
  return through({ hub, query, decoded: false }, { ...events, frame: untold, broken: untold });
}

function screen(hub: string, query: TunnelQuery, events: ScreenEvents): Tunnel {
  return through({ hub, query, decoded: true }, events);
}

interface Through extends Record<string, unknown> {
  hub: string;
  query: TunnelQuery;
  /** On its way, by the program. */
  decoded: boolean;
}

function through(wanted: Through, events: ScreenEvents): Tunnel {
  const tunnel = sockets++;
  let over = false;
  const close = (problem: Problem | null) => {
    if (over) return;
    over = true;
    events.closed(problem);
  };
  const decoder = new TextDecoder();
  const page = new Channel<ArrayBuffer>((crossed) => {
    if (over) return;
    const bytes = new Uint8Array(crossed);
    const body = bytes.subarray(1);
    switch (bytes[0]) {
      case OPENED:
        return events.opened();
      case CLOSED:
        return close(JSON.parse(decoder.decode(body)) as Problem | null);
      case BROKEN:
        return events.broken();
      case BYTES:
        events.bytes(body);
        break;
      case TEXT:
        events.said(decoder.decode(body));
        break;
      case FRAME:
        events.frame(body);
        break;
    }
    // Only now the next ones are sent: a page that lags is not flooded.
    ask("tunnel_taken", { tunnel }).catch(untold);
  });
  // One after the other: two calls at once may arrive in either order.
  let said: Promise<unknown> = ask("tunnel_open", { ...wanted, tunnel, page }).catch((thrown: unknown) =>
    close(asProblem(thrown)),
  );
  const next = (command: string, request: Record<string, unknown>) => {
    said = said.then(() => (over ? undefined : ask(command, { tunnel, ...request }))).catch(untold);
  };
  return {
    send: (bytes) => next("tunnel_send", { base64: base64(bytes) }),
    say: (text) => next("tunnel_say", { text }),
    close: () => {
      said = said.then(() => ask("tunnel_close", { tunnel })).catch(untold);
      close(null);
    },
  };
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function connect(hub: string): Connection {
  return {
    async call(method, path, body) {
      const answer = await ask<ArrayBuffer>("hub_call", { hub, method, path, body: body ?? null });
      return new TextDecoder().decode(answer);
    },
    live: (events) => live(hub, events),
    tunnel: (query, events) => tunnel(hub, query, events),
    screen: (query, events) => screen(hub, query, events),
    async bytes(path) {
      return new Uint8Array(await ask<ArrayBuffer>("hub_bytes", { hub, path }));
    },
    async download(path, name) {
      await ask<string>("hub_download", { hub, path, name });
    },
    async objectUrl(path) {
      const bytes = await ask<ArrayBuffer>("hub_bytes", { hub, path });
      return URL.createObjectURL(new Blob([bytes]));
    },
  };
}

type Told = { type: "intent"; intent: Intent } | { type: "local_hub"; hub: LocalHub };

const intentListeners = new Set<(intent: Intent) => void>();
const hubListeners = new Set<(hub: LocalHub) => void>();
/** Those that came before anybody listened. */
let unheard: Intent[] = [];
let localHub: LocalHub | null = null;

function take(told: Told): void {
  if (told.type === "local_hub") {
    localHub = told.hub;
    for (const listener of hubListeners) listener(localHub);
  } else if (intentListeners.size === 0) {
    unheard.push(told.intent);
  } else {
    for (const listener of intentListeners) listener(told.intent);
  }
}

let listening = false;

/** The program tells what waited for a page, and how its hub is, as soon as one listens. */
function listen(): void {
  if (listening) return;
  listening = true;
  ask("listen", { page: new Channel<Told>(take) }).catch(() => (listening = false));
}

const desktop: Desktop = {
  hubs: () => ask<HubEntry[]>("hubs"),
  probeHub: (url) => ask("hub_probe", { url }),
  addHub: (hub) => ask<HubEntry>("hub_add", hub),
  removeHub: (hub) => ask("hub_remove", { hub }),
  repinHub: (hub, fingerprint) => ask("hub_repin", { hub, fingerprint }),
  onLocalHub(listener) {
    hubListeners.add(listener);
    if (localHub) listener(localHub);
    listen();
    return () => hubListeners.delete(listener);
  },
  openPort: (hub, task, port) => ask<OpenPort>("port_open", { hub, task, port }),
  shutPort: (hub, task, port) => ask("port_close", { hub, task, port }),
  ports: (hub, task) => ask<OpenPort[]>("ports", { hub, task }),
  keychain: () => ask<Keychain>("keychain"),
  unlockSealed: (passphrase) => ask("sealed_unlock", { passphrase }),
  retryKeychain: () => ask("local_hub_retry"),
  settings: () => ask<DesktopSettings>("settings"),
  saveSettings: (settings) => ask("settings_save", { settings }),
  testNotification: () => ask<Problem | null>("notification_test"),
  hasTray: () => ask<boolean>("has_tray"),
  onIntent(listener) {
    intentListeners.add(listener);
    listen();
    const waited = unheard;
    unheard = [];
    waited.forEach(listener);
    return () => intentListeners.delete(listener);
  },
  showing(hub, path) {
    ask("page_is", { hub, path }).catch(untold);
  },
  crashReport: () => ask("crash_report"),
  dismissCrashReport: () => ask("crash_dismiss"),
  openCrashFolder: () => ask("crash_folder"),
  newerVersion: () => ask<string | null>("update_look"),
  about: () => ask("about"),
};

export const tauri: Host = {
  capabilities: CAPABILITIES,
  base: "/",
  connect,
  openExternal(url) {
    ask("open_external", { url }).catch((thrown: unknown) =>
      take({ type: "intent", intent: { kind: "said", problem: asProblem(thrown) } }),
    );
  },
  copy: (text) => navigator.clipboard.writeText(text),
  desktop,
};
