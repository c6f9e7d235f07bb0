// Our tunnel as what noVNC takes in place of a WebSocket: it wants the looks
// of an `RTCDataChannel`. So the same viewer serves the browser's socket and
// the window's bridge, and the words beside the bytes never reach it.

export class Channel {
  binaryType = "arraybuffer";
  readonly protocol = "";
  readyState: RTCDataChannelState = "open";
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code?: number; reason?: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  onframe: ((bytes: Uint8Array) => void) | null = null;
  /** What was taken could not be read, and nothing more is. */
  onbroken: (() => void) | null = null;

  constructor(
    readonly out: (bytes: Uint8Array) => void,
    /** What moves was decoded on its way, and comes as frames. */
    readonly decoded = false,
  ) {}

  /** noVNC writes into the same buffer again at once. */
  send(data: ArrayBuffer | Uint8Array): void {
    if (this.readyState === "open") this.out(new Uint8Array(data).slice());
  }

  /** From the tunnel. */
  take(bytes: Uint8Array): void {
    this.#read(() => this.onmessage?.({ data: bytes.slice().buffer }));
  }

  /** From whoever decodes. */
  show(frame: Uint8Array): void {
    this.#read(() => this.onframe?.(frame));
  }

  #read(read: () => void): void {
    if (this.readyState !== "open") return;
    try {
      read();
    } catch {
      this.close();
      this.onbroken?.();
    }
  }

  /** The tunnel is gone, or the viewer wants no more of it. */
  close(): void {
    if (this.readyState === "closed") return;
    this.readyState = "closed";
    // As a socket does: after whoever closed it has done so.
    queueMicrotask(() => this.onclose?.({}));
  }
}
