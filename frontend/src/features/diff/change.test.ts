import { describe, expect, it } from "vitest";
import type { Client } from "$/api/client";
import type { Snapshot } from "$/api/generated/proto";
import { ChangeView } from "./change.svelte";

const snapshot = (number: number, base: string): Snapshot => ({ number, base, head: base, files: {} });

describe("a change", () => {
  it("is not put back by an answer that was overtaken", async () => {
    const answers: ((snapshot: Snapshot) => void)[] = [];
    const call = () => new Promise<Snapshot>((resolve) => answers.push(resolve));
    const view = new ChangeView({ call } as unknown as Client, { task: "1", run: null, at: null });
    const [first, second] = [view.read(), view.read()];
    answers[1]?.(snapshot(2, "newer"));
    await second;
    answers[0]?.(snapshot(1, "older"));
    await first;
    expect(view.snapshot?.base).toBe("newer");
    view.close();
  });
});
