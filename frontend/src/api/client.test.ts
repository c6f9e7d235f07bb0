import { expect, it } from "vitest";
import type { Connection } from "$/host/host";
import { Client, pathOf } from "./client";

it("fills parameters in, escaped, and leaves the other fields over", () => {
  expect(pathOf("/api/tasks/{task}/log", { task: "a/b c", first: 3, run: undefined })).toEqual({
    path: "/api/tasks/a%2Fb%20c/log",
    rest: [["first", 3]],
  });
});

function heard(): { asked: unknown[][]; client: Client } {
  const asked: unknown[][] = [];
  const connection = {
    call: (...all: unknown[]) => {
      asked.push(all);
      return Promise.resolve("[]");
    },
  } as unknown as Connection;
  return { asked, client: new Client("here", connection) };
}

it("asks by query with GET, without what is null", async () => {
  const { asked, client } = heard();
  await client.call("task_list", { project: "a&b", state: null, limit: 5 });
  expect(asked).toEqual([["GET", "/api/tasks?project=a%26b&limit=5"]]);
});

it("sends the rest as JSON with POST", async () => {
  const { asked, client } = heard();
  await client.call("task_say", { task: "t1", text: "on" });
  expect(asked).toEqual([["POST", "/api/tasks/t1/say", '{"text":"on"}']]);
});
