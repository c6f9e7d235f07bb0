// What was asked and answered, in a person's words.

import type { Answer, Ask, Decider, InboxItem, OnTimeout } from "$/api/generated/proto";
import { money } from "$/parts/words";
import { ruleWords } from "./rules";

export type NetworkAsk = Extract<Ask, { kind: "network" }>;

/** `registry.example.org:443`, with brackets around an IPv6 address. */
export function hostOf({ host, port }: Pick<NetworkAsk, "host" | "port">): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return port === 0 ? name : `${name}:${port}`;
}

/** Of one run: `A host was refused`, `3 hosts were refused`. */
export function refusedTitle(hosts: number): string {
  return hosts === 1 ? "A host was refused" : `${hosts} hosts were refused`;
}

/** What a network ask is about, for its group of buttons. */
export function whatWanted(ask: NetworkAsk): string {
  return `What becomes of ${hostOf(ask)}`;
}

/** One line for lists and titles. */
export function askTitle(ask: Ask): string {
  switch (ask.kind) {
    case "permission":
      return `May it use ${ask.tool}?`;
    case "question":
      return ask.questions.length === 1 ? "It has a question" : `It has ${ask.questions.length} questions`;
    case "plan":
      return "It wants its plan approved";
    case "interrupted":
      return "It was interrupted and waits";
    case "network":
      return "A host was refused";
    case "budget":
      return "Its budget is used up";
    case "hands_on":
      return "Work for you";
    case "feedback":
      return "Something was said about its pull request";
    case "ci":
      return "Its CI waits to be let run";
    default:
      return "It asks for something this build does not know";
  }
}

/** The same once it is answered. */
export function askedTitle(ask: Ask): string {
  switch (ask.kind) {
    case "permission":
      return `It asked to use ${ask.tool}`;
    case "question":
      return "It asked";
    case "plan":
      return "It proposed a plan";
    case "interrupted":
      return "It was interrupted";
    case "network":
      return "A host was refused";
    case "budget":
      return "Its budget was used up";
    case "hands_on":
      return "It was done by hand";
    case "feedback":
      return "Something was said about its pull request";
    case "ci":
      return "Its CI waited to be let run";
    default:
      return "It asked for something this build does not know";
  }
}

/** What happens by itself at the deadline. */
export function timeoutWords(ask: Ask, on_timeout: OnTimeout): string {
  switch (on_timeout) {
    case "cancel":
      return "the task is cancelled and its work rescued";
    case "pause":
      return "it goes on waiting";
    case "proceed":
      return proceedWords(ask);
  }
}

function proceedWords(ask: Ask): string {
  switch (ask.kind) {
    case "permission":
      return "it is denied and the agent goes on without it";
    case "question":
      return "the agent decides by itself";
    case "plan":
      return "the plan is approved";
    case "interrupted":
      return "the run ends with the work so far";
    case "network":
      return "it stays refused";
    case "budget":
      return "the task ends with the work so far";
    case "hands_on":
    case "feedback":
    case "ci":
      return "it goes on waiting";
    default:
      return "it is denied";
  }
}

export function answerWords(ask: Ask | null, answer: Answer): string {
  switch (answer.answer) {
    case "allow":
      if (ask?.kind === "plan") return "Approved";
      if (ask?.kind === "budget") return "Allowed as much again";
      if (ask?.kind === "feedback") return "The agent was told";
      if (ask?.kind === "ci") return "Let run";
      if (answer.for_project) return "Allowed for this project";
      if (answer.for_run && answer.rule) return `Allowed for this run: ${ruleWords(answer.rule)}`;
      if (answer.for_run) return "Allowed for this run";
      return answer.input === null ? "Allowed once" : "Edited and allowed";
    case "deny":
      if (ask?.kind === "budget") return "Ended there";
      if (ask?.kind === "feedback") return "Left alone";
      if (ask?.kind === "ci") return "Left waiting";
      return ask?.kind === "plan" ? "Sent back" : "Denied";
    case "never":
      return "Denied, and never in this project";
    case "choose":
      return "Answered";
    case "say":
      if (ask?.kind === "feedback") return "The agent was told, with a word";
      return ask?.kind === "interrupted" ? "Told how to go on" : "Answered";
    case "end":
      return ask?.kind === "hands_on" ? "Done" : "Ended there";
  }
}

/** The words that came with the answer, if there were any. */
export function answerDetail(answer: Answer): string {
  switch (answer.answer) {
    case "deny":
    case "never":
      return answer.reason;
    case "say":
      return answer.text;
    case "choose":
      return Object.values(answer.answers).join(" · ");
    case "allow":
    case "end":
      return "";
  }
}

export function deciderWords(decider: Decider): string {
  switch (decider.by) {
    case "person":
      return `by ${decider.name}`;
    case "timeout":
      return "because nobody answered in time";
    case "policy":
      return "by the project's rules, the task's mode or an earlier answer";
  }
}

/** What is asked, cut to one line: for a list beside other lists. */
export function askLine(item: Pick<InboxItem, "ask">): string {
  const { ask } = item;
  switch (ask.kind) {
    case "permission":
      return ask.summary || ask.tool;
    case "question":
      return ask.questions[0]?.question ?? "";
    case "plan":
      return firstLine(ask.plan);
    case "network":
      return hostOf(ask);
    case "budget":
      return `${money(ask.spent_micros)} of ${money(ask.budget_micros)} spent`;
    case "hands_on":
      return firstLine(ask.what);
    case "feedback":
      return ask.follow_ups.map(({ summary }) => summary).join(" · ");
    case "ci":
      return ask.held.map(({ name }) => name).join(" · ");
    default:
      return "";
  }
}

function firstLine(text: string): string {
  const line = text.split("\n").find((one) => one.trim() !== "") ?? "";
  return line.replace(/^#+\s*/, "").trim();
}
