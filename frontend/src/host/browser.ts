// A browser: same-origin requests, the session in a cookie that no script sees.

import {
  SESSION_PATH,
  LIVE_PATH,
  TUNNEL_PATH,
  type Problem,
  type SignIn,
  type TunnelQuery,
} from "$/api/generated/proto";
import { asProblem, fault } from "$/api/errors";
import type { Capability, Connection, FrameEvents, Frames, Host, Tunnel, TunnelEvents } from "./host";

const CAPABILITIES: ReadonlySet<Capability> = new Set<Capability>(["sign_in", "install"]);

function basePath(): string {
  const base = new URL(document.baseURI).pathname;
  return base.endsWith("/") ? base : `${base}/`;
}

async function fetchHub(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(basePath() + path.replace(/^\//, ""), {
      credentials: "same-origin",
      cache: "no-store",
      ...init,
    });
  } catch {
    throw fault("repository_unreachable", "The hub cannot be reached.", "It is tried again by itself.");
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response: Response): Promise<Problem> {
  try {
    return asProblem(await response.json());
  } catch {
    return fault("internal", `The hub answered ${response.status} without saying why.`);
  }
}

function socketUrl(path: string): URL {
  const url = new URL(basePath() + path.slice(1), location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

function tunnel(query: TunnelQuery, events: TunnelEvents): Tunnel {
  const url = socketUrl(TUNNEL_PATH);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) url.searchParams.set(name, String(value));
  }
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  let over = false;
  const close = (problem: Problem | null) => {
    if (over) return;
    over = true;
    events.closed(problem);
  };
  socket.onopen = () => events.opened();
  socket.onmessage = (message: MessageEvent<string | ArrayBuffer>) => {
    if (over) return;
    if (typeof message.data === "string") events.said(message.data);
    else events.bytes(new Uint8Array(message.data));
  };
  socket.onerror = () => close(fault("repository_unreachable", "The tunnel to the run was lost."));
  socket.onclose = () => close(null);
  const send = (data: string | Uint8Array<ArrayBuffer>) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(data);
  };
  return {
    send: (bytes) => send(new Uint8Array(bytes)),
    say: send,
    close: () => {
      socket.close();
      close(null);
    },
  };
}

function live(events: FrameEvents): Frames {
  const url = socketUrl(LIVE_PATH);
  const socket = new WebSocket(url);
  let over = false;
  const close = (problem: Problem | null) => {
    if (over) return;
    over = true;
    events.closed(problem);
  };
  socket.onopen = () => events.opened();
  socket.onmessage = (message) => {
    if (typeof message.data === "string") events.frames([message.data]);
  };
  socket.onerror = () => close(fault("repository_unreachable", "The connection to the hub was lost."));
  socket.onclose = () => close(null);
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: () => {
      socket.close();
      close(null);
    },
  };
}

const here: Connection = {
  async call(method, path, body) {
    const headers: Record<string, string> = { accept: "application/json" };
    if (body !== undefined) headers["content-type"] = "application/json";
    const response = await fetchHub(
      path,
      body === undefined ? { method, headers } : { method, headers, body },
    );
    return response.text();
  },
  live,
  tunnel,
  async bytes(path) {
    const response = await fetchHub(path, { method: "GET" });
    return new Uint8Array(await response.arrayBuffer());
  },
  async download(path, name) {
    const link = document.createElement("a");
    link.href = await here.objectUrl(path);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  },
  async objectUrl(path) {
    const response = await fetchHub(path, { method: "GET" });
    return URL.createObjectURL(await response.blob());
  },
};

export const browser: Host = {
  capabilities: CAPABILITIES,
  base: basePath(),
  connect: () => here,
  openExternal(url) {
    if (/^https?:/i.test(url)) window.open(url, "_blank", "noopener,noreferrer");
  },
  copy: (text) => navigator.clipboard.writeText(text),
  async signIn(how: SignIn) {
    await fetchHub(SESSION_PATH, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(how),
    });
  },
  async signOut() {
    await fetchHub(SESSION_PATH, { method: "DELETE" });
  },
};
