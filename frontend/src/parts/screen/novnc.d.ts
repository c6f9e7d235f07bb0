// What we use of noVNC 1.7: its docs/API.md.

declare module "@novnc/novnc" {
  export default class RFB extends EventTarget {
    constructor(target: HTMLElement, channel: object, options?: { shared?: boolean });
    viewOnly: boolean;
    focusOnClick: boolean;
    clipViewport: boolean;
    readonly clippingViewport: boolean;
    dragViewport: boolean;
    scaleViewport: boolean;
    resizeSession: boolean;
    showDotCursor: boolean;
    background: string;
    qualityLevel: number;
    compressionLevel: number;
    disconnect(): void;
    sendKey(keysym: number, code: string | null, down?: boolean): void;
    clipboardPasteFrom(text: string): void;
    /** Not of the API: what every size that a server names goes through. */
    protected _resize(width: number, height: number): void;
    /** Not of the API: shows what was drawn on a canvas that is not seen. */
    protected _display: { flip(): void };
  }
}
