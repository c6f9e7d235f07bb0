// What a person has chosen so far for the questions of one item. Kept as text,
// so that it survives like everything else that is typed.

import type { Question } from "$/api/generated/proto";

/** Per question: chosen options, and words of one's own. */
export interface Choice {
  labels: string[];
  words: string;
}

export type Choices = Record<string, Choice>;

const NOTHING: Choice = { labels: [], words: "" };

export function readChoices(text: string): Choices {
  try {
    return text === "" ? {} : (JSON.parse(text) as Choices);
  } catch {
    return {}; // Of another version of this page.
  }
}

export function choiceOf(choices: Choices, question: Question): Choice {
  return choices[question.question] ?? NOTHING;
}

/** One option where one may be chosen; words of one's own take its place. */
export function choose(choices: Choices, question: Question, label: string): Choices {
  const now = choiceOf(choices, question);
  if (!question.multiple) return { ...choices, [question.question]: { labels: [label], words: "" } };
  const labels = now.labels.includes(label)
    ? now.labels.filter((one) => one !== label)
    : question.options.map((one) => one.label).filter((one) => one === label || now.labels.includes(one));
  return { ...choices, [question.question]: { ...now, labels } };
}

export function write(choices: Choices, question: Question, words: string): Choices {
  const now = choiceOf(choices, question);
  const labels = question.multiple || words.trim() === "" ? now.labels : [];
  return { ...choices, [question.question]: { labels, words } };
}

/** Question → answer, once every question has one. */
export function answersOf(choices: Choices, questions: readonly Question[]): Record<string, string> | null {
  const answers: Record<string, string> = {};
  for (const question of questions) {
    const { labels, words } = choiceOf(choices, question);
    const all = [...labels, words.trim()].filter((one) => one !== "");
    if (all.length === 0) return null;
    answers[question.question] = all.join(", ");
  }
  return answers;
}
