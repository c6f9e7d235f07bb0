// A schedule as it stands in the form, and back; and what is said of it.

import type { Missed, Mode, NewSchedule, Overlap, ScheduleSeen } from "$/api/generated/proto";

export interface ScheduleFields {
  name: string;
  cron: string;
  zone: string;
  title: string;
  prompt: string;
  /** Empty: the project's. */
  agent: string;
  model: string;
  mode: Mode | "";
  profile: string;
  base: string;
  hold: boolean;
  overlap: Overlap;
  missed: Missed;
  /** Empty: never, or as many as there are. */
  failures: string;
  tasks: string;
  dollars: string;
  /** `YYYY-MM-DD`. */
  lastDay: string;
}

const MICROS = 1_000_000;

export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

export function zones(): string[] {
  return ["UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")];
}

export function scheduleFieldsOf(seen: ScheduleSeen | null): ScheduleFields {
  const { how, stop } = seen ?? {};
  const number = (value: number | null | undefined) =>
    value === null || value === undefined ? "" : String(value);
  const spent = stop?.budget_micros;
  return {
    name: seen?.name ?? "",
    cron: seen?.cron ?? "0 3 * * 1-5",
    zone: seen?.zone ?? ownZone(),
    title: seen?.title ?? "",
    prompt: seen?.prompt ?? "",
    agent: how?.agent ?? "",
    model: how?.model ?? "",
    mode: how?.mode ?? "",
    profile: how?.profile ?? "",
    base: how?.base ?? "",
    hold: how?.hold ?? false,
    overlap: seen?.overlap ?? "skip_running",
    missed: seen?.missed ?? "once",
    failures: seen ? number(stop?.failures) : "3",
    tasks: number(stop?.tasks),
    dollars: spent === null || spent === undefined ? "" : String(spent / MICROS),
    lastDay: stop?.last_day ?? "",
  };
}

const word = (text: string) => text.trim() || null;
const whole = (text: string) => (text.trim() === "" ? null : Number(text.trim()));

export function scheduleOf(project: string, fields: ScheduleFields): NewSchedule {
  const { agent, model, mode, profile, base, hold } = fields;
  const how = { model: word(model), mode: mode || null, profile: word(profile), hold };
  const dollars = whole(fields.dollars);
  return {
    name: project,
    schedule: fields.name.trim(),
    cron: fields.cron.trim(),
    zone: fields.zone.trim(),
    title: word(fields.title),
    prompt: fields.prompt,
    how: { ...how, agent: word(agent), base: word(base) },
    overlap: fields.overlap,
    missed: fields.missed,
    stop: {
      failures: whole(fields.failures),
      tasks: whole(fields.tasks),
      budget_micros: dollars === null ? null : Math.round(dollars * MICROS),
      last_day: word(fields.lastDay),
    },
  };
}

export type ScheduleField = "name" | "failures" | "tasks" | "dollars" | "lastDay";

/** What keeps it from being saved, by field; `taken` are the others' names. */
export function scheduleProblems(
  fields: ScheduleFields,
  taken: readonly string[],
): Partial<Record<ScheduleField, string>> {
  const problems: Partial<Record<ScheduleField, string>> = {};
  const name = fields.name.trim();
  if (name !== "" && !/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name)) {
    problems.name = "Lower-case letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first.";
  } else if (taken.includes(name)) {
    problems.name = "There is a schedule of this name already; it would be changed.";
  }
  for (const field of ["failures", "tasks"] as const) {
    const text = fields[field].trim();
    if (text !== "" && !/^[1-9]\d{0,8}$/.test(text))
      problems[field] = "A whole number from 1 on, or nothing.";
  }
  const dollars = fields.dollars.trim();
  if (dollars !== "" && !(/^\d{1,7}(\.\d{1,6})?$/.test(dollars) && Number(dollars) > 0)) {
    problems.dollars = "An amount such as 12.50, or nothing.";
  }
  const day = fields.lastDay.trim();
  if (day !== "" && !isDay(day)) problems.lastDay = "A day such as 2026-12-31, or nothing.";
  return problems;
}

function isDay(text: string): boolean {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : null;
  // 30 February is read as a day of March.
  return at !== null && !Number.isNaN(at.valueOf()) && at.toISOString().startsWith(text);
}

/** Why it files nothing, or null while it does. */
export function restsBecause(seen: ScheduleSeen): string | null {
  if (seen.state.stopped) return `Ended: ${seen.state.stopped}.`;
  if (seen.paused) return "Paused.";
  return seen.next.length > 0 ? null : "No time comes any more.";
}
