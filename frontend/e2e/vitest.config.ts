import { defineConfig } from "vitest/config";

// One file at a time: the flows share one display, and two cores.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["**/*.e2e.ts"],
    environment: "node",
    fileParallelism: false,
    // The longest waits two minutes for a merge to be noticed.
    testTimeout: 240_000,
    // The web process of WebKitGTK was seen not to come up at all on a busy
    // machine, and its driver then waits for ever.
    retry: 2,
    hookTimeout: 300_000,
    reporters: ["verbose"],
  },
});
