import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// In development the pages come from Vite and everything else from a hub that
// runs already: PILOTHOUSE_HUB is its address, PILOTHOUSE_TOKEN its token.
const hub = process.env["PILOTHOUSE_HUB"];
const token = process.env["PILOTHOUSE_TOKEN"];
const proxy = hub && {
  target: hub,
  ws: true,
  changeOrigin: true,
  ...(token ? { headers: { authorization: `Bearer ${token}`, origin: hub } } : {}),
};

export default defineConfig({
  plugins: [svelte()],
  // The hub may serve below a path, and Tauri from its own scheme.
  base: "./",
  resolve: {
    alias: { $: fileURLToPath(new URL("./src", import.meta.url)) },
    ...(process.env["VITEST"] ? { conditions: ["browser"] } : {}),
  },
  build: {
    target: "safari16",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
  server: {
    port: 1420,
    strictPort: false,
    ...(proxy ? { proxy: { "/api": proxy, "/session": proxy } } : {}),
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.ts", "tests/**/*.test.ts"],
    setupFiles: ["tests/patience.ts"],
    testTimeout: 60_000,
  },
});
