// The first task: on the demo project, with words that the built-in agent does.

import type { Project } from "$/api/generated/proto";

/** Shows what there is: words, a question, a change, output. */
export const DEMO_PROMPT = `# Teach the greeting to say good-bye
# The built-in agent does what these lines say. A real one reads plain words.
say I will teach the greeting to say good-bye.
ask What should it say? | Good-bye | See you soon
write src/goodbye.sh #!/bin/sh\\n# Takes leave of whoever is named.\\necho "\${answer}, \${1:-nobody}."
append README.md \\n## Good-bye\\n\\n    sh src/goodbye.sh world
run sh src/greet.sh world && sh src/goodbye.sh world
say Done: \`src/goodbye.sh\` is new, and the README tells of it.`;

export interface FirstTask {
  project: string;
  demo: boolean;
  /** The new-task page, filled in. */
  path: string;
}

/** Of the demo project if it is there, else of any; none without a project. */
export function firstTaskPath(projects: readonly Project[]): FirstTask | null {
  const demo = projects.find((project) => project.name === "demo" && project.agent === "scripted");
  if (demo) {
    const query = new URLSearchParams({
      project: demo.name,
      agent: demo.agent,
      mode: "ask",
      prompt: DEMO_PROMPT,
    });
    return { project: demo.name, demo: true, path: `new?${query}` };
  }
  const any = projects[0];
  if (!any) return null;
  return { project: any.name, demo: false, path: `new?${new URLSearchParams({ project: any.name })}` };
}
