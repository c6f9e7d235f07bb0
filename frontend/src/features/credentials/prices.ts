// Prices of models as they are typed, in dollars for a million tokens, and as
// the hub keeps them, in millionths.

import type { ModelPrice } from "$/api/generated/proto";

export const PRICE_FIELDS = [
  { field: "input", label: "Input" },
  { field: "output", label: "Output" },
  { field: "cache_read", label: "Cache read" },
  { field: "cache_write", label: "Cache write" },
] as const;

export type PriceField = (typeof PRICE_FIELDS)[number]["field"];

export type PriceRow = { model: string } & Record<PriceField, string>;

/** What the hub keeps at most. */
export const MOST_PRICES = 500;

export const NO_PRICE: PriceRow = { model: "", input: "", output: "", cache_read: "", cache_write: "" };

const MICROS = 1_000_000;

export function rowOf(price: ModelPrice): PriceRow {
  const dollars = (micros: number) => (micros / MICROS).toString();
  return {
    model: price.model,
    input: dollars(price.input),
    output: dollars(price.output),
    cache_read: dollars(price.cache_read),
    cache_write: dollars(price.cache_write),
  };
}

function microsOf(text: string): number | null {
  const plain = text
    .trim()
    .replace(/^\$\s*/, "")
    .replace(",", ".");
  if (plain === "") return 0;
  return /^\d{1,6}(\.\d{1,6})?$/.test(plain) ? Math.round(Number(plain) * MICROS) : null;
}

export function priceOf(row: PriceRow): ModelPrice {
  const micros = (field: PriceField) => microsOf(row[field]) ?? 0;
  return {
    model: row.model.trim(),
    input: micros("input"),
    output: micros("output"),
    cache_read: micros("cache_read"),
    cache_write: micros("cache_write"),
  };
}

/** What is wrong, by row and field: `3.output`. */
export function priceProblems(rows: readonly PriceRow[]): Map<string, string> {
  const problems = new Map<string, string>();
  const names = new Set<string>();
  rows.forEach((row, at) => {
    const model = row.model.trim();
    if (model === "") problems.set(`${at}.model`, "A model's name, or its beginning and `*`.");
    else if (/\*./.test(model)) problems.set(`${at}.model`, "A `*` stands at the end only.");
    else if (names.has(model)) problems.set(`${at}.model`, "It is in the table already.");
    names.add(model);
    for (const { field } of PRICE_FIELDS) {
      if (microsOf(row[field]) === null)
        problems.set(`${at}.${field}`, "An amount in dollars, such as 3 or 0.25.");
    }
  });
  return problems;
}
