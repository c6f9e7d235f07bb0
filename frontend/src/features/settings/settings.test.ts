import { expect, it } from "vitest";
import { onlyHere } from "./phone-link";
import { clockTime, minutesOf } from "./quiet-hours";

it("writes and reads quiet hours", () => {
  for (const minutes of [0, 7 * 60, 22 * 60 + 5, 1439]) expect(minutesOf(clockTime(minutes))).toBe(minutes);
  expect(clockTime(7 * 60)).toBe("07:00");
});

it.each(["", "24:00", "12:60", "noon", "1:2"])("takes %j for no time", (time) => {
  expect(minutesOf(time)).toBeNull();
});

it("knows a link that only this machine can follow", () => {
  expect(["http://127.0.0.1:7/#x", "http://localhost/", "http://[::1]:7/"].map(onlyHere)).toEqual([
    true,
    true,
    true,
  ]);
  expect(["https://hub.example.org/#x", "https://10.0.0.5:7700/", "no link"].map(onlyHere)).toEqual([
    false,
    false,
    false,
  ]);
});
