import { defineConfig } from "vitest/config";

// One file at a time: the flows share one display, and two cores.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["**/*.e2e.ts"],
    environment: "node",
    fileParallelism: false,
    // Several waits, each of which has its own end.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // What comes after a test that failed builds on it; `run` tries the file again.
    bail: 1,
    reporters: ["verbose"],
  },
});
