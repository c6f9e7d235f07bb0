// Chooses the host and mounts the app. The desktop's half is a chunk of its
// own, so that a browser never downloads it.

import { mount } from "svelte";
import App from "./App.svelte";
import { app } from "./state/app.svelte";
import { clock } from "./state/clock.svelte";
import { route } from "./state/route.svelte";
import { theme } from "./state/theme.svelte";
import "./styles/reset.css";
import "./styles/palette.css";
import "./styles/roles.css";
import "./styles/type.css";
import "./styles/code.css";

const inWindow = "__TAURI_INTERNALS__" in window;
const host = inWindow ? (await import("./host/tauri")).tauri : (await import("./host/browser")).browser;
theme.start();
route.start(host.base);
clock.start();
await app.start(host);
// A sign-in link that is opened where the page is already changes nothing but
// what stands behind the `#`.
window.addEventListener("hashchange", () => {
  if (location.hash.startsWith("#sign-in=")) location.reload();
});
const target = document.getElementById("app");
if (target) mount(App, { target });
