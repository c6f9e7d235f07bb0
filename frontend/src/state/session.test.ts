import { describe, expect, it } from "vitest";
import { fault } from "$/api/errors";
import { FakeHub } from "../../tests/fake-hub";

describe("a session", () => {
  it("asks again what the hub did not answer on a line that stands", async () => {
    let asked = 0;
    const hub = new FakeHub(
      {},
      {
        project_list: () => {
          asked += 1;
          if (asked === 1) throw fault("repository_unreachable", "The hub cannot be reached.");
          return [];
        },
      },
    );
    const session = await hub.open("/");
    expect(asked).toBe(2);
    expect(session.standing.state).toBe("online");
  });
});
