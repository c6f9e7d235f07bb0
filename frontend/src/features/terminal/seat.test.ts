import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { FromTerminal } from "$/api/generated/proto";
import type { Connection, TunnelEvents } from "$/host/host";
import { fault } from "$/api/errors";
import { Seat } from "./seat.svelte";

class Way {
  dialled: { events: TunnelEvents; typed: string[]; said: string[]; closed: boolean }[] = [];

  connection = {
    tunnel: (_: unknown, events: TunnelEvents) => {
      const line = { events, typed: [] as string[], said: [] as string[], closed: false };
      this.dialled.push(line);
      return {
        send: (bytes: Uint8Array) => void line.typed.push(new TextDecoder().decode(bytes)),
        say: (text: string) => void line.said.push(text),
        close: () => (line.closed = true),
      };
    },
  } as unknown as Connection;

  get line() {
    const line = this.dialled.at(-1);
    if (!line) throw new Error("nobody has dialled");
    return line;
  }

  state(change: Partial<FromTerminal & { type: "state" }>): void {
    const state = { type: "state", columns: 80, rows: 24, driver: null, yours: false, viewers: 1, ...change };
    this.line.events.said(JSON.stringify(state));
  }
}

const screen = { write: vi.fn(), clear: vi.fn(), sized: vi.fn() };
let way: Way;
let seat: Seat;

beforeEach(() => {
  vi.useFakeTimers();
  vi.clearAllMocks();
  way = new Way();
  seat = new Seat(way.connection, "task", false, screen);
  seat.open();
});
afterEach(() => vi.useRealTimers());

it("types only while it drives, and then at its own size", () => {
  seat.fits(120, 40);
  way.line.events.opened();
  way.state({ driver: "anna" });
  expect(seat.standing.is).toBe("open");
  expect(screen.sized).toHaveBeenCalledWith(80, 24);
  seat.type("ls\n");
  expect(way.line.typed).toEqual([]);
  seat.drive();
  way.state({ driver: "me", yours: true });
  expect(way.line.said.map((text) => JSON.parse(text) as unknown)).toEqual([
    { type: "drive" },
    { type: "resize", columns: 120, rows: 40 },
  ]);
  seat.type("ls\n");
  expect(way.line.typed).toEqual(["ls\n"]);
});

it("a long paste goes in pieces that the hub takes, in order", () => {
  way.state({ yours: true });
  const text = "a".repeat(40_000) + "b".repeat(40_000);
  seat.type(text);
  expect(way.line.typed.length).toBeGreaterThan(2);
  expect(way.line.typed.join("")).toBe(text);
});

it("a lost way is made again, later and later, and what was shown comes anew", () => {
  way.state({ yours: true });
  way.line.events.closed(fault("repository_unreachable", "gone"));
  expect(seat.standing.is).toBe("lost");
  expect(seat.yours).toBe(false);
  vi.advanceTimersByTime(1000);
  expect(way.dialled.length).toBe(2);
  way.line.events.closed(null);
  vi.advanceTimersByTime(1000);
  expect(way.dialled.length).toBe(2);
  vi.advanceTimersByTime(1000);
  expect(way.dialled.length).toBe(3);
  way.line.events.opened();
  expect(screen.clear).toHaveBeenCalled();
});

it("an end that was told is the end, and a refusal is not asked again", () => {
  way.line.events.said(JSON.stringify({ type: "ended", why: "The shell has ended.", again: false }));
  way.line.events.closed(null);
  expect(seat.standing).toEqual({ is: "ended", why: "The shell has ended." });
  seat.open();
  way.line.events.closed(fault("forbidden", "You may not."));
  expect(seat.standing.is).toBe("lost");
  vi.advanceTimersByTime(100_000);
  expect(way.dialled.length).toBe(2);
});

it("whoever leaves is not brought back", () => {
  seat.leave();
  expect(way.line.closed).toBe(true);
  way.line.events.closed(null);
  vi.advanceTimersByTime(100_000);
  expect(way.dialled.length).toBe(1);
});
