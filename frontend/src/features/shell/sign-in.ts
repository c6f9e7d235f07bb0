// A browser signs in: with a token that is pasted, or with a code that stands
// behind the `#` of a link, where no server and no log sees it.

import { asProblem } from "$/api/errors";
import type { Problem, SignIn } from "$/api/generated/proto";
import { app, session } from "$/state/app.svelte";

/** The code of `#sign-in=<code>`; none without one. */
export function codeOf(hash: string): string | null {
  const code = new URLSearchParams(hash.replace(/^#/, "")).get("sign-in");
  return code === null || code.trim() === "" ? null : code.trim();
}

/** Takes the code out of the address, so that it is in no history. */
export function takeCode(): string | null {
  const code = codeOf(location.hash);
  if (location.hash.startsWith("#sign-in")) {
    history.replaceState(history.state, "", location.pathname + location.search);
  }
  return code;
}

/** What a person is told when it did not work. */
export function refusal(how: SignIn, problem: Problem): Problem {
  if (problem.code !== "unauthorized" && problem.code !== "not_found") return problem;
  if (how.code) {
    return {
      code: problem.code,
      message: "This sign-in link does not work any more.",
      hint: "A link works once, for five minutes. Make another in the settings of a console that is signed in, or use a token.",
    };
  }
  return {
    code: problem.code,
    message: "The hub does not know this token.",
    hint: "Check that it is whole. The owner's token stands in the file `owner-token` in the hub's data directory.",
  };
}

/** None if it worked. */
export async function enter(how: SignIn): Promise<Problem | null> {
  try {
    await app.host.signIn?.(how);
  } catch (thrown) {
    return refusal(how, asProblem(thrown));
  }
  app.choose(session().hub);
  return null;
}

export async function leave(): Promise<void> {
  await app.host.signOut?.();
  app.choose(session().hub);
}
