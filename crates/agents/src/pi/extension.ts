// Written by Pilothouse for this run: pi itself asks nobody for anything.
// Each dialog is an input whose title says what is asked and whose placeholder
// holds it as JSON; so is the answer to a permission and to a plan.
import { Type } from "typebox";
import { execFile, execFileSync } from "node:child_process";

const MODE = "%MODE%";

// Tools that change nothing.
const READING = ["read", "grep", "find", "ls"];
const OWN = ["ask_user", "submit_plan"];
// The tools that every agent of a run has: `pilot inside` lists and calls them.
const PILOT = %PILOT%;

function workspaceTools(): any[] {
  if (!PILOT) return [];
  try {
    return JSON.parse(execFileSync(PILOT, ["inside", "tools"], { encoding: "utf8" })).tools;
  } catch {
    return [];
  }
}

// The answer, or why there is none: both are for the model.
function callPilot(name: string, params: any, signal: any): Promise<string> {
  return new Promise((resolve) => {
    const options = { encoding: "utf8" as const, signal, maxBuffer: 16 * 1024 * 1024 };
    const child = execFile(PILOT, ["inside", "call", name], options, (error, out, err) =>
      resolve(error ? (err || String(error)).trim() : out.trim()),
    );
    child.stdin?.end(JSON.stringify(params ?? {}));
  });
}

export default function (pi: any) {
  let planning = MODE === "plan";

  const dialog = (ctx: any, kind: string, what: any, signal: any) =>
    ctx.ui.input("pilothouse:" + kind, JSON.stringify(what), { signal });

  const decision = async (ctx: any, kind: string, what: any, signal: any) => {
    try {
      return JSON.parse((await dialog(ctx, kind, what, signal)) || "{}");
    } catch {
      return {};
    }
  };

  const says = (text: string) => ({ content: [{ type: "text", text }], details: {} });

  pi.on("tool_call", async (event: any, ctx: any) => {
    if (OWN.includes(event.toolName)) return undefined;
    const reading = READING.includes(event.toolName);
    if (planning && !reading) {
      const reason = "You are planning: only read, grep, find and ls work until submit_plan was approved.";
      return { block: true, reason };
    }
    const what = { tool: event.toolName, input: event.input };
    if (reading || MODE !== "ask") {
      // What is asked for anyway, the rules see then.
      const ruling = await decision(ctx, "check", what, ctx.signal);
      if (!ruling.go && !ruling.ask) {
        return { block: true, reason: ruling.reason || "The project's rules did not allow this." };
      }
      if (!ruling.ask) return undefined;
    }
    const answer = await decision(ctx, "permission", what, ctx.signal);
    if (!answer.allow) {
      return { block: true, reason: answer.reason || "This was not permitted. Go on without it." };
    }
    if (answer.input) {
      for (const name of Object.keys(event.input)) delete event.input[name];
      Object.assign(event.input, answer.input);
    }
    return undefined;
  });

  pi.registerTool({
    name: "ask_user",
    label: "Ask",
    description: "Ask the person you work for a question, with choices if there are some. Use it only where you cannot decide yourself.",
    parameters: Type.Object({
      question: Type.String({ description: "The question" }),
      options: Type.Optional(Type.Array(Type.String(), { description: "Answers to choose from" })),
    }),
    async execute(_id: string, params: any, signal: any, _update: any, ctx: any) {
      const answer = await dialog(ctx, "question", params, signal);
      return says(answer ? "The answer: " + answer : "Nobody answered. Decide yourself and go on.");
    },
  });

  for (const tool of workspaceTools()) {
    OWN.push(tool.name);
    pi.registerTool({
      name: tool.name,
      label: "Pilothouse",
      description: tool.description,
      parameters: Type.Unsafe(tool.inputSchema),
      async execute(_id: string, params: any, signal: any) {
        return says(await callPilot(tool.name, params, signal));
      },
    });
  }

  if (!planning) return;
  pi.registerTool({
    name: "submit_plan",
    label: "Plan",
    description: "Submit your plan for approval. Nothing can be changed before it is approved.",
    parameters: Type.Object({ plan: Type.String({ description: "The plan, in Markdown" }) }),
    async execute(_id: string, params: any, signal: any, _update: any, ctx: any) {
      const answer = await decision(ctx, "plan", params, signal);
      if (!answer.allow) {
        return says("The plan was not approved. " + (answer.reason || "Revise it and submit it again."));
      }
      planning = false;
      return says("The plan is approved. Carry it out now; all tools work.");
    },
  });
}
