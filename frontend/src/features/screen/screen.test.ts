import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Client } from "$/api/client";
import { fault } from "$/api/errors";
import type { FromScreen, TunnelQuery } from "$/api/generated/proto";
import type { ScreenEvents, TunnelEvents } from "$/host/host";
import type { Channel } from "$/parts/screen/channel";
import { paint } from "$/parts/screen/frame";
import { BACKSPACE, keysymOf, keysymsOf, press, SPECIALS } from "./keys";
import { FRESH, settle, type Link } from "./quality";
import { Seat } from "./seat.svelte";
import { nearness, wordsOf } from "./standing";
import { typedBetween, Typing, type Sink } from "./typing";

class Way {
  query: TunnelQuery | null = null;
  events: TunnelEvents | null = null;
  dialled = 0;
  sent: number[][] = [];
  said: string[] = [];
  called: [string, unknown][] = [];
  refuses = false;

  client = {
    connection: {
      tunnel: (query: TunnelQuery, events: TunnelEvents) => {
        [this.query, this.events] = [query, events];
        this.dialled += 1;
        return {
          send: (bytes: Uint8Array) => void this.sent.push([...bytes]),
          say: (text: string) => void this.said.push(text),
          close: () => undefined,
        };
      },
    },
    call: (name: string, request: unknown) => {
      this.called.push([name, request]);
      return this.refuses
        ? Promise.reject(fault("precondition", "`ada` drives the screen."))
        : Promise.resolve({});
    },
  } as unknown as Client;

  say(word: FromScreen): void {
    this.events?.said(JSON.stringify(word));
  }

  state(change: Partial<FromScreen & { type: "state" }> = {}): void {
    this.say({
      type: "state",
      width: 1280,
      height: 800,
      yours: false,
      may_drive: true,
      viewers: 1,
      ...change,
    });
  }
}

let way: Way;
let seat: Seat;
let shown: Channel[];
let ended: number;
let clock: number;

beforeEach(() => {
  vi.useFakeTimers();
  [way, shown, ended, clock] = [new Way(), [], 0, 0];
  const picture = { begin: (channel: Channel) => void shown.push(channel), end: () => void (ended += 1) };
  seat = new Seat(way.client, "task", false, picture, () => clock);
  seat.open();
});
afterEach(() => {
  seat.leave();
  vi.useRealTimers();
});

it("where the host decodes it does, until it cannot: then noVNC does", () => {
  seat.leave();
  const [plain, decoded]: [TunnelQuery[], ScreenEvents[]] = [[], []];
  const nothing = { send: () => undefined, say: () => undefined, close: () => undefined };
  const tunnel = (query: TunnelQuery) => (plain.push(query), nothing);
  const screen = (_: TunnelQuery, events: ScreenEvents) => (decoded.push(events), nothing);
  const client = { connection: { tunnel, screen } } as unknown as Client;
  const picture = { begin: (channel: Channel) => void shown.push(channel), end: () => void (ended += 1) };
  seat = new Seat(client, "task", false, picture, () => clock);
  seat.open();
  const state = { type: "state", width: 1, height: 1, yours: false, may_drive: true, viewers: 1 };
  decoded[0]?.said(JSON.stringify(state));
  expect([plain.length, decoded.length, shown[0]?.decoded]).toEqual([0, 1, true]);
  decoded[0]?.broken();
  expect(seat.standing).toMatchObject({ is: "lost", problem: null });
  vi.advanceTimersByTime(1000);
  expect([plain.length, decoded.length]).toEqual([1, 1]);
});

it("a frame is copied and laid onto the canvas in its order, and a torn one is refused", () => {
  const done: unknown[] = [];
  class Pixels {
    constructor(
      readonly data: Uint8ClampedArray,
      readonly width: number,
      readonly height: number,
    ) {}
  }
  vi.stubGlobal("ImageData", Pixels);
  const canvas = {
    canvas: "itself",
    drawImage: (...what: unknown[]) => void done.push(what),
    putImageData: ({ data, width, height }: Pixels, ...at: number[]) =>
      void done.push([[...data], width, height, ...at]),
  } as unknown as CanvasRenderingContext2D;
  const copy = [0, 10, 0, 20, 0, 3, 0, 4, 1, 0, 0, 2];
  const pixels = [1, 2, 3, 255, 4, 5, 6, 255];
  const frame = new Uint8Array([9, 0, 1, 0, 1, ...copy, 0, 7, 0, 8, 0, 2, 0, 1, ...pixels]);
  paint(frame.subarray(1), canvas);
  expect(done).toEqual([
    ["itself", 256, 2, 3, 4, 10, 20, 3, 4],
    [pixels, 2, 1, 7, 8],
  ]);
  for (let end = 1; end < frame.length; end += 1) {
    expect(() => paint(frame.slice(1, end), canvas), `${end} bytes`).toThrow();
  }
  vi.unstubAllGlobals();
});

it("a screen's tunnel carries bytes both ways as soon as it has said how it stands", () => {
  expect(way.query).toMatchObject({ task: "task", screen: true, view: false });
  way.events?.opened();
  expect(shown).toEqual([]);
  way.state();
  way.state({ viewers: 2 });
  expect(shown.length).toBe(1);
  const heard: number[][] = [];
  const channel = shown[0];
  if (channel) channel.onmessage = ({ data }) => void heard.push([...new Uint8Array(data)]);
  way.events?.bytes(new Uint8Array([82, 70, 66]));
  expect(heard).toEqual([[82, 70, 66]]);
  const buffer = new Uint8Array([1, 2, 3]);
  channel?.send(buffer);
  buffer.fill(0);
  expect(way.sent).toEqual([[1, 2, 3]]);
});

it("who drives is said in words, and taking over is asked of the hub", async () => {
  way.state({ driver: { who: null, since: 1 } });
  expect(wordsOf(seat)).toMatchObject({ who: "agent", free: true });
  expect(await seat.takeOver()).toBe(true);
  expect(way.called).toEqual([["task_takeover", { task: "task" }]]);
  expect(seat.yours).toBe(false);
  way.state({ driver: { who: "me", since: 2 }, yours: true });
  expect(wordsOf(seat)).toMatchObject({ who: "you", free: false });
  expect(await seat.handBack("  ")).toBe(true);
  expect(way.called.at(-1)).toEqual(["task_handback", { task: "task", note: null }]);
  way.state({ driver: { who: "ada", since: 3 }, may_drive: true });
  expect(wordsOf(seat)).toEqual({ who: "person", text: "ada drives; you look on.", free: false });
  way.refuses = true;
  expect(await seat.takeOver()).toBe(false);
  expect(seat.doing.problem?.message).toContain("ada");
});

it("who only looks on cannot take over", () => {
  way.state({ may_drive: false });
  expect(wordsOf(seat)).toMatchObject({ who: "nobody", free: false });
});

it("a lost screen is opened again with a new picture; the old one is closed", () => {
  way.state({ yours: true });
  way.events?.closed(null);
  expect([seat.standing.is, seat.yours, ended]).toEqual(["lost", false, 1]);
  expect(shown[0]?.readyState).toBe("closed");
  vi.advanceTimersByTime(1000);
  expect(way.dialled).toBe(2);
  way.state();
  expect(shown.length).toBe(2);
});

it("a picture that cannot be read is not tried again by itself", () => {
  way.state();
  seat.unreadable();
  expect(seat.standing).toMatchObject({ is: "lost", problem: { code: "internal" } });
  vi.advanceTimersByTime(60_000);
  expect(way.dialled).toBe(1);
});

it("what comes back is opened again by itself, later and later while it does not last", () => {
  way.say({ type: "ended", why: "Xvnc is missing.", again: false });
  way.events?.closed(null);
  expect(seat.standing).toEqual({ is: "ended", why: "Xvnc is missing." });
  vi.advanceTimersByTime(100_000);
  expect(way.dialled).toBe(1);
  seat.open();
  for (const wait of [1000, 2000, 4000]) {
    way.state();
    way.say({ type: "ended", why: "The desktop's server has ended.", again: true });
    way.events?.closed(null);
    const lost = { is: "lost", why: "The desktop's server has ended.", problem: null };
    expect(seat.standing).toEqual(lost);
    const before = way.dialled;
    vi.advanceTimersByTime(wait - 1);
    expect(way.dialled).toBe(before);
    vi.advanceTimersByTime(1);
    expect(way.dialled).toBe(before + 1);
  }
  way.state();
  vi.advanceTimersByTime(10_000);
  way.events?.closed(null);
  vi.advanceTimersByTime(1000);
  expect(way.dialled).toBe(6);
});

it("the distance is what a word takes there and back", () => {
  way.state();
  const asked = JSON.parse(way.said[0] ?? "{}") as { number: number };
  clock = 34;
  way.say({ type: "pong", number: asked.number });
  expect(seat.latency).toBe(34);
  way.say({ type: "pong", number: 4711 });
  expect(seat.latency).toBe(34);
  expect([nearness(20), nearness(100), nearness(400)]).toEqual(["near", "felt", "far"]);
});

function after(link: Link, ...times: number[]): Link {
  return times.reduce(settle, link);
}

it("the quality gives way when words wait behind pictures, and returns slowly", () => {
  const late = after(FRESH, 20, 600, 600);
  expect(late.level).toBe("light");
  expect(after(late, 900, 900).level).toBe("least");
  expect(after(late, 900, 900, 900, 900).level).toBe("least");
  expect(after(late, ...Array<number>(7).fill(30)).level).toBe("light");
  expect(after(late, ...Array<number>(8).fill(30)).level).toBe("balanced");
  expect(after(FRESH, ...Array<number>(40).fill(300)).level, "far away is not slow").toBe("balanced");
});

it("characters are keys: Latin-1 as it is, all others by Unicode, controls none", () => {
  expect(keysymOf("a")).toBe(0x61);
  expect(keysymOf("é")).toBe(0xe9);
  expect(keysymOf("€")).toBe(0x0100_20ac);
  expect(keysymOf("😀")).toBe(0x0101_f600);
  expect(keysymsOf("a\r\nb\t\u0007")).toEqual([0x61, 0xff0d, 0x62, 0xff09]);
});

it("special keys are released in reverse", () => {
  const pressed: string[] = [];
  press(SPECIALS[0]?.strokes ?? [], ({ code }, down) => pressed.push(`${down ? "+" : "-"}${code}`));
  expect(pressed).toEqual(["+ControlLeft", "+AltLeft", "+Delete", "-Delete", "-AltLeft", "-ControlLeft"]);
  expect(BACKSPACE).toBe(0xff08);
});

it("what changed in a field is told as erasing and typing", () => {
  expect(typedBetween("abc", "abcd")).toEqual({ erase: 0, text: "d" });
  expect(typedBetween("helo", "hello")).toEqual({ erase: 1, text: "lo" });
  expect(typedBetween("ab", "a")).toEqual({ erase: 1, text: "" });
});

class Typist {
  told: string[] = [];
  field = document.createElement("textarea");
  sink: Sink = {
    key: ({ type, key }) => void this.told.push(`${type === "keydown" ? "+" : "-"}${key}`),
    text: (text) => void this.told.push(`text ${text}`),
    erase: (characters) => void this.told.push(`erase ${characters}`),
    paste: (text) => void this.told.push(`paste ${text}`),
    leave: () => void this.told.push("leave"),
  };
  typing = new Typing(this.field, this.sink);

  key(type: "keydown" | "keyup", key: string, more: KeyboardEventInit = {}): KeyboardEvent {
    const event = new KeyboardEvent(type, {
      key,
      code: `Key${key}`,
      cancelable: true,
      bubbles: true,
      ...more,
    });
    this.field.dispatchEvent(event);
    return event;
  }
}

it("keys are handed on and never reach the page; what is held is released on leaving", () => {
  const typist = new Typist();
  document.body.append(typist.field);
  const page = vi.fn();
  document.body.addEventListener("keydown", page);
  const down = typist.key("keydown", "k", { ctrlKey: true });
  expect([down.defaultPrevented, page.mock.calls.length]).toEqual([true, 0]);
  typist.key("keyup", "k");
  typist.key("keydown", "Tab");
  typist.field.dispatchEvent(new Event("blur"));
  expect(typist.told).toEqual(["+k", "-k", "+Tab", "-Tab"]);
});

it("Ctrl, Alt and Shift together give the keyboard back", () => {
  const typist = new Typist();
  typist.key("keydown", "Control", { ctrlKey: true });
  typist.key("keydown", "Alt", { ctrlKey: true, altKey: true });
  typist.key("keydown", "Shift", { ctrlKey: true, altKey: true, shiftKey: true });
  expect(typist.told).toEqual(["+Control", "+Alt", "-Control", "-Alt", "leave"]);
});

it("a dead key's letter and an input method's word come as text", () => {
  const typist = new Typist();
  expect(typist.key("keydown", "Dead").defaultPrevented).toBe(false);
  typist.field.value += "ê";
  typist.field.dispatchEvent(new Event("input"));
  typist.field.value += "漢字";
  typist.field.dispatchEvent(new Event("compositionend"));
  expect(typist.told).toEqual(["text ê", "text 漢字"]);
});

it("a phone's erasing is told, and there is always something left to erase", () => {
  const typist = new Typist();
  for (let times = 0; times < 30; times += 1) {
    typist.field.value = typist.field.value.slice(0, -1);
    typist.field.dispatchEvent(new Event("input"));
  }
  expect(typist.told).toEqual(Array(30).fill("erase 1"));
});

it("a paste is in the screen's clipboard before its key is pressed there", () => {
  const typist = new Typist();
  expect(typist.key("keydown", "v", { ctrlKey: true }).defaultPrevented).toBe(false);
  const paste = new Event("paste", { cancelable: true });
  Object.assign(paste, { clipboardData: { getData: () => "two\nlines" } });
  typist.field.dispatchEvent(paste);
  expect(typist.told).toEqual(["paste two\nlines", "+v", "-v"]);
  // With nothing to paste the key is pressed all the same.
  typist.key("keydown", "v", { ctrlKey: true });
  vi.advanceTimersByTime(200);
  expect(typist.told.slice(3)).toEqual(["+v", "-v"]);
});
