// Rules of the house: who may import whom, and what TypeScript does not see.

import { readdirSync } from "node:fs";
import js from "@eslint/js";
import { createTypeScriptImportResolver } from "eslint-import-resolver-typescript";
import importX from "eslint-plugin-import-x";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import tseslint from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

const features = readdirSync(new URL("./src/features", import.meta.url));

/** `target` may import of `src` only what `except` names. */
function layer(target, except, message) {
  return { target: `./src/${target}`, from: "./src", except: except.map((path) => `./${path}`), message };
}

const zones = [
  layer("ui", ["ui"], "The kit knows nothing of ours."),
  layer("parts", ["parts", "ui", "api", "state", "host"], "Parts stand on the kit, the wire and the state."),
  layer("state", ["state", "api", "host"], "The state knows no screen."),
  layer("api", ["api", "host"], "The wire knows no screen and no state."),
  layer("host", ["host", "api"], "A host knows the wire only."),
  ...features.map((feature) =>
    layer(
      `features/${feature}`,
      [`features/${feature}`, "ui", "parts", "state", "api", "host"],
      "A feature knows no other feature: screens put them together.",
    ),
  ),
];

export default [
  { ignores: ["dist", "node_modules", "src/api/generated"] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  ...svelte.configs.recommended,
  {
    files: ["**/*.ts", "**/*.js", "**/*.svelte"],
    plugins: { "import-x": importX },
    // import-x parses what is imported with these options too, `.svelte` among it.
    languageOptions: { globals: { ...globals.browser }, parserOptions: { parser: tseslint.parser } },
    settings: {
      "import-x/resolver-next": [createTypeScriptImportResolver({ project: "./tsconfig.json" })],
      "import-x/parsers": { "@typescript-eslint/parser": [".ts"], "svelte-eslint-parser": [".svelte"] },
      "import-x/extensions": [".ts", ".svelte"],
    },
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "no-alert": "error",
      "prefer-const": "off",
      "svelte/prefer-const": [
        "error",
        { excludedRunes: ["$props", "$derived", "$state"], destructuring: "all" },
      ],
      // Every link of the page goes through one listener; see features/shell/links.ts.
      "svelte/no-navigation-without-resolve": "off",
      "svelte/button-has-type": "error",
      // Folds keep plain maps and show a new list once per frame, on purpose.
      "svelte/prefer-svelte-reactivity": "off",
      "no-undef": "off", // TypeScript knows better.
      "no-unused-vars": "off",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "import-x/no-cycle": "error",
      "import-x/no-self-import": "error",
      "import-x/no-restricted-paths": ["error", { basePath: import.meta.dirname, zones }],
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: ["@tauri-apps/*"], message: "Only host/tauri.ts knows the window." }] },
      ],
    },
  },
  {
    // What a promise comes to is somebody's business.
    files: ["src/**/*.ts", "src/**/*.svelte", "tests/**/*.ts"],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
        extraFileExtensions: [".svelte"],
      },
    },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": [
        "error",
        { checksVoidReturn: { attributes: false, properties: false } },
      ],
      "@typescript-eslint/only-throw-error": "off",
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: {
      parserOptions: { parser: tseslint.parser, extraFileExtensions: [".svelte"], svelteConfig },
    },
  },
  { files: ["src/host/tauri.ts", "src/host/tauri/**"], rules: { "no-restricted-imports": "off" } },
  { files: ["**/*.test.ts"], rules: { "import-x/no-restricted-paths": "off" } },
  {
    files: ["*.js", "*.ts", "tests/**", "e2e/**"],
    languageOptions: { globals: { ...globals.node } },
    rules: { "no-console": "off" },
  },
];
