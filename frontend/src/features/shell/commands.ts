// What the palette can do wherever one is: places, actions, hubs, themes.

import CircleDot from "@lucide/svelte/icons/circle-dot";
import ClipboardList from "@lucide/svelte/icons/clipboard-list";
import Coins from "@lucide/svelte/icons/coins";
import GlobeLock from "@lucide/svelte/icons/globe-lock";
import KeyRound from "@lucide/svelte/icons/key-round";
import Keyboard from "@lucide/svelte/icons/keyboard";
import LogOut from "@lucide/svelte/icons/log-out";
import Monitor from "@lucide/svelte/icons/monitor";
import Moon from "@lucide/svelte/icons/moon";
import Plus from "@lucide/svelte/icons/plus";
import QrCode from "@lucide/svelte/icons/qr-code";
import Server from "@lucide/svelte/icons/server";
import Sun from "@lucide/svelte/icons/sun";
import Zap from "@lucide/svelte/icons/zap";
import { app, session } from "$/state/app.svelte";
import { route } from "$/state/route.svelte";
import { theme, type Theme } from "$/state/theme.svelte";
import type { Icon } from "$/ui/icon";
import { shortcuts } from "$/ui/shortcuts";
import type { Command } from "./palette";
import { PLACES } from "./places";
import { leave } from "./sign-in";

const go = (path: string) => () => route.go(path);

/** The scope of the shell's own keys, which the palette lists by other ways. */
export const EVERYWHERE = "Everywhere";

function places(): Command[] {
  return PLACES.map((place) => ({
    id: `go/${place.id}`,
    group: "Go to",
    label: place.label,
    icon: place.icon,
    words: "go open show",
    keys: place.keys,
    run: go(place.path),
  }));
}

function actions(showKeys: () => void): Command[] {
  const here = session();
  const group = "Do";
  const all: Command[] = [];
  if (here.may("operator")) {
    all.push(
      {
        id: "new",
        group,
        label: "New task",
        icon: Plus,
        words: "file add create",
        keys: "c",
        run: go("new"),
      },
      {
        id: "many",
        group,
        label: "Paste many tasks",
        icon: ClipboardList,
        words: "csv list issues",
        run: go("new/many"),
      },
      {
        id: "issues",
        group,
        label: "File tasks from issues",
        icon: CircleDot,
        words: "forge tickets browse label milestone",
        run: go("new/issues"),
      },
    );
  }
  if (here.may("admin")) {
    all.push(
      {
        id: "join",
        group,
        label: "Join a runner",
        icon: Plus,
        words: "machine add code",
        run: go("runners?join=1"),
      },
      {
        id: "project",
        group,
        label: "Add a project",
        icon: Plus,
        words: "repository",
        run: go("projects?edit="),
      },
      {
        id: "forge",
        group,
        label: "Connect a forge",
        icon: Plus,
        words: "gitea token",
        run: go("credentials?add=forge"),
      },
      {
        id: "model",
        group,
        label: "Add a model provider",
        icon: Plus,
        words: "key",
        run: go("credentials?add=provider"),
      },
      {
        id: "secret",
        group,
        label: "Add a secret",
        icon: KeyRound,
        words: "token password vault credential",
        run: go("credentials?add=secret"),
      },
      {
        id: "prices",
        group,
        label: "Model prices",
        icon: Coins,
        words: "cost budget dollars tokens",
        run: go("credentials?show=prices"),
      },
      ...here.projects.map(({ name }) => ({
        id: `policy/${name}`,
        group: "Projects",
        label: `Network and walls of ${name}`,
        icon: GlobeLock,
        words: "policy gate hosts allow deny sandbox limits",
        run: go(`projects?edit=${encodeURIComponent(name)}&part=network`),
      })),
    );
  }
  all.push({
    id: "phone",
    group,
    label: "Sign in on a phone",
    icon: QrCode,
    words: "qr code",
    run: go("settings?show=phone"),
  });
  all.push({
    id: "keys",
    group,
    label: "Keyboard shortcuts",
    icon: Keyboard,
    words: "help",
    keys: "?",
    run: showKeys,
  });
  if (app.host.signOut)
    all.push({ id: "out", group, label: "Sign out", icon: LogOut, run: () => void leave() });
  return all;
}

const THEMES: { theme: Theme; label: string; icon: Icon }[] = [
  { theme: "light", label: "Light theme", icon: Sun },
  { theme: "dark", label: "Dark theme", icon: Moon },
  { theme: "system", label: "Theme of the system", icon: Monitor },
];

function themes(): Command[] {
  return THEMES.filter((choice) => choice.theme !== theme.chosen).map((choice) => ({
    id: `theme/${choice.theme}`,
    group: "Settings",
    label: choice.label,
    icon: choice.icon,
    words: "colour appearance mode",
    run: () => (theme.chosen = choice.theme),
  }));
}

function hubs(): Command[] {
  return app.hubs
    .filter((hub) => hub.id !== session().hub)
    .map((hub) => ({
      id: `hub/${hub.id}`,
      group: "Hubs",
      label: `Go to hub ${hub.name}`,
      icon: Server,
      words: hub.url,
      run: () => app.choose(hub.id),
    }));
}

/** What the keys of the screen below do. */
function ofScreen(): Command[] {
  return shortcuts
    .list()
    .filter((scope) => scope.name !== EVERYWHERE)
    .flatMap((scope) =>
      scope.shortcuts
        .filter((shortcut) => shortcut.when?.() !== false)
        .map((shortcut) => ({
          id: `key/${scope.name}/${shortcut.keys}`,
          group: scope.name,
          label: shortcut.label,
          icon: Zap,
          keys: shortcut.keys,
          run: () => shortcut.run(new KeyboardEvent("keydown")),
        })),
    );
}

export function commands(showKeys: () => void): Command[] {
  return [...ofScreen(), ...places(), ...actions(showKeys), ...hubs(), ...themes()];
}
