// Named actions as a person types them: one a line, `Name: command line`.

import type { ProjectAction } from "$/api/generated/proto";

/** As the hub takes them. */
const LONGEST_NAME = 40;
const MOST = 24;

export function textOf(actions: readonly ProjectAction[]): string {
  return actions.map(({ name, run }) => `${name}: ${run}`).join("\n");
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}

export function actionsOf(text: string): ProjectAction[] {
  return lines(text).map((line) => {
    const at = line.indexOf(":");
    return { name: line.slice(0, Math.max(at, 0)).trim(), run: line.slice(at + 1).trim() };
  });
}

/** Why it cannot be kept so. */
export function actionProblem(text: string): string | null {
  const actions = actionsOf(text);
  if (actions.length > MOST) return `At most ${MOST} actions.`;
  const bad = actions.findIndex(
    ({ name, run }) => name === "" || run === "" || [...name].length > LONGEST_NAME,
  );
  if (bad >= 0) {
    return `Line ${bad + 1}: a name of at most ${LONGEST_NAME} characters, a colon, and a command line.`;
  }
  const twice = actions.find(({ name }, at) => actions.findIndex((other) => other.name === name) < at);
  return twice ? `“${twice.name}” is there twice.` : null;
}
