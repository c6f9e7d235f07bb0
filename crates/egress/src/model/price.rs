//! What calls cost. Money is counted in whole micro-dollars.
//!
//! A project's own prices go before the built-in ones, and within each the
//! longest name that fits decides. A model without a price costs nobody knows
//! what: it is metered, and no budget stops it.
//!
//! **Rounding:** the products of tokens and prices of one call are summed
//! exactly and then rounded up to the next micro-dollar, so a sum of calls is
//! at most one micro-dollar per call above the truth, and never below it.

use pilot_proto::model::ModelPrice;
use pilot_proto::run::Usage;

/// Built in, in micro-dollars for a million tokens. Read in November 2026 from
/// Anthropic's, OpenAI's and Google's price pages as they were archived between
/// May and October 2026; `gpt-5.6` and `gpt-6` from a reseller's list of them.
/// Standard tier, text, without regional surcharges and tools billed by call.
const BUILT_IN: &[Row] = &[
    row("claude-fable-5-1*", 10_000_000, 50_000_000, 250_000, 12_500_000),
    row("claude-fable-5*", 10_000_000, 50_000_000, 1_000_000, 12_500_000),
    row("claude-mythos-5-1*", 10_000_000, 50_000_000, 250_000, 12_500_000),
    row("claude-mythos-5*", 10_000_000, 50_000_000, 1_000_000, 12_500_000),
    row("claude-opus-5-5*", 4_000_000, 20_000_000, 200_000, 5_000_000),
    row("claude-opus-5*", 5_000_000, 25_000_000, 500_000, 6_250_000),
    row("claude-opus-4-5*", 5_000_000, 25_000_000, 500_000, 6_250_000),
    row("claude-opus-4-6*", 5_000_000, 25_000_000, 500_000, 6_250_000),
    row("claude-opus-4-7*", 5_000_000, 25_000_000, 500_000, 6_250_000),
    row("claude-opus-4-8*", 5_000_000, 25_000_000, 500_000, 6_250_000),
    row("claude-opus-4*", 15_000_000, 75_000_000, 1_500_000, 18_750_000),
    row("claude-sonnet-5-5*", 2_000_000, 10_000_000, 100_000, 2_500_000),
    row("claude-sonnet-5*", 2_000_000, 10_000_000, 200_000, 2_500_000),
    row("claude-sonnet-4*", 3_000_000, 15_000_000, 300_000, 3_750_000),
    row("claude-3-7-sonnet*", 3_000_000, 15_000_000, 300_000, 3_750_000),
    // Five times as dear for prompts of more than 100,000 tokens.
    row("claude-haiku-5-5*", 100_000, 500_000, 10_000, 125_000).longer(100_000, 5, 5),
    row("claude-haiku-4-5*", 1_000_000, 5_000_000, 100_000, 1_250_000),
    row("claude-3-5-haiku*", 800_000, 4_000_000, 80_000, 1_000_000),
    row("gpt-6-astra*", 10_000_000, 50_000_000, 1_000_000, 10_000_000),
    row("gpt-5.6-sol*", 4_000_000, 20_000_000, 400_000, 4_000_000),
    row("gpt-5.6-terra*", 2_000_000, 12_000_000, 200_000, 2_000_000),
    row("gpt-5.6-luna*", 200_000, 1_200_000, 20_000, 200_000),
    row("gpt-5.5*", 5_000_000, 30_000_000, 500_000, 5_000_000),
    row("gpt-5.5-pro*", 30_000_000, 180_000_000, 30_000_000, 30_000_000),
    row("gpt-5.4*", 2_500_000, 15_000_000, 250_000, 2_500_000),
    row("gpt-5.4-mini*", 750_000, 4_500_000, 75_000, 750_000),
    row("gpt-5.4-nano*", 200_000, 1_250_000, 20_000, 200_000),
    row("gpt-5.3-codex*", 1_750_000, 14_000_000, 175_000, 1_750_000),
    row("gpt-5.2*", 1_750_000, 14_000_000, 175_000, 1_750_000),
    row("gpt-5.1*", 1_250_000, 10_000_000, 125_000, 1_250_000),
    row("gpt-5", 1_250_000, 10_000_000, 125_000, 1_250_000),
    row("gpt-5-20*", 1_250_000, 10_000_000, 125_000, 1_250_000),
    row("gpt-5-codex*", 1_250_000, 10_000_000, 125_000, 1_250_000),
    row("gpt-5-mini*", 250_000, 2_000_000, 25_000, 250_000),
    // Dearer for prompts of more than 200,000 tokens.
    row("gemini-3.1-pro*", 2_000_000, 12_000_000, 200_000, 2_000_000).longer(200_000, 4, 3),
    row("gemini-3-pro*", 2_000_000, 12_000_000, 200_000, 2_000_000).longer(200_000, 4, 3),
    row("gemini-2.5-pro*", 1_250_000, 10_000_000, 125_000, 1_250_000).longer(200_000, 4, 3),
    row("gemini-3.5-flash*", 1_500_000, 9_000_000, 150_000, 1_500_000),
    row("gemini-3.1-flash-lite*", 250_000, 1_500_000, 25_000, 250_000),
    row("gemini-3-flash*", 500_000, 3_000_000, 50_000, 500_000),
    row("gemini-2.5-flash*", 300_000, 2_500_000, 30_000, 300_000),
    row("gemini-2.5-flash-lite*", 100_000, 400_000, 10_000, 100_000),
];

/// A built-in price.
#[derive(Debug, Clone, Copy)]
struct Row {
    model: &'static str,
    rates: Rates,
    /// Prompts of more tokens than this cost so many halves of everything
    /// that is read, and of what is written.
    long: Option<(u64, u64, u64)>,
}

/// Micro-dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rates {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
}

const fn row(model: &'static str, input: u64, output: u64, read: u64, write: u64) -> Row {
    Row { model, rates: Rates { input, output, cache_read: read, cache_write: write }, long: None }
}

impl Row {
    const fn longer(mut self, tokens: u64, input_halves: u64, output_halves: u64) -> Self {
        self.long = Some((tokens, input_halves, output_halves));
        self
    }
}

/// What a call used, with what [`Usage`] has no field for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) usage: Usage,
    /// So many of the tokens written to the cache stay there for an hour, for
    /// which Anthropic takes twice the price of input.
    pub(crate) hour_writes: u64,
}

/// All prices of a run.
#[derive(Debug)]
pub(crate) struct Prices {
    own: Vec<ModelPrice>,
}

impl Prices {
    pub(crate) fn new(own: Vec<ModelPrice>) -> Self {
        Self { own }
    }

    /// Micro-dollars; `None`: nobody knows.
    pub(crate) fn cost(&self, model: &str, tally: &Tally) -> Option<u64> {
        let usage = &tally.usage;
        let prompt = usage
            .input_tokens
            .saturating_add(usage.cache_read_tokens)
            .saturating_add(usage.cache_write_tokens);
        let rates = self.rates(model, prompt)?;
        let hour = tally.hour_writes.min(usage.cache_write_tokens);
        let sum: u128 = [
            (usage.input_tokens, rates.input),
            (usage.output_tokens, rates.output),
            (usage.cache_read_tokens, rates.cache_read),
            (usage.cache_write_tokens - hour, rates.cache_write),
            (hour, rates.input.saturating_mul(2)),
        ]
        .into_iter()
        .map(|(tokens, price)| u128::from(tokens) * u128::from(price))
        .sum();
        Some(u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }

    fn rates(&self, model: &str, prompt: u64) -> Option<Rates> {
        // Gateways of gateways say `vendor/model`, Gemini `models/model`.
        let short = model.rsplit('/').next().unwrap_or(model);
        let own = |model| longest(self.own.iter(), |price| &price.model, model);
        if let Some(price) = own(model).or_else(|| own(short)) {
            let ModelPrice { input, output, cache_read, cache_write, .. } = *price;
            return Some(Rates { input, output, cache_read, cache_write });
        }
        let row = longest(BUILT_IN.iter(), |row| row.model, short)?;
        Some(match row.long {
            Some((tokens, input, output)) if prompt > tokens => row.rates.times(input, output),
            Some(_) | None => row.rates,
        })
    }
}

impl Rates {
    fn times(self, input_halves: u64, output_halves: u64) -> Self {
        Self {
            input: self.input * input_halves / 2,
            output: self.output * output_halves / 2,
            cache_read: self.cache_read * input_halves / 2,
            cache_write: self.cache_write * input_halves / 2,
        }
    }
}

/// The entry with the longest name that `model` is, or begins with.
fn longest<'a, T>(
    rows: impl Iterator<Item = &'a T>,
    name: impl Fn(&'a T) -> &'a str,
    model: &str,
) -> Option<&'a T> {
    rows.filter_map(|row| {
        let name = name(row);
        let fits = match name.strip_suffix('*') {
            Some(beginning) => model.starts_with(beginning),
            None => model == name,
        };
        // A whole name goes before a beginning of the same length.
        fits.then_some(((name.len(), !name.ends_with('*')), row))
    })
    .max_by_key(|(length, _)| *length)
    .map(|(_, row)| row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(input: u64, output: u64, read: u64, write: u64) -> Tally {
        let usage = Usage {
            input_tokens: input,
            output_tokens: output,
            cache_read_tokens: read,
            cache_write_tokens: write,
            cost_micros: None,
        };
        Tally { usage, hour_writes: 0 }
    }

    #[test]
    fn a_call_costs_what_the_table_says_rounded_up_once() {
        let prices = Prices::new(Vec::new());
        let check = |model: &str, tally: Tally, expected: Option<u64>| {
            assert_eq!(prices.cost(model, &tally), expected, "{model} {tally:?}");
        };
        check("claude-sonnet-4-5-20250929", tally(1_000_000, 0, 0, 0), Some(3_000_000));
        check("claude-sonnet-4-5", tally(1000, 100, 10_000, 2000), Some(15_000));
        // 3 + 0.3 + 3.75 micro-dollars are 7.05: rounded once, not three times.
        check("claude-sonnet-4-5", tally(1, 0, 1, 1), Some(8));
        check(
            "claude-sonnet-4-5",
            Tally { hour_writes: 2000, ..tally(0, 0, 0, 2000) },
            Some(12_000),
        );
        check("anthropic/claude-opus-4-1", tally(0, 1_000_000, 0, 0), Some(75_000_000));
        check("gpt-5.4-mini-2026-03-05", tally(1_000_000, 0, 0, 0), Some(750_000));
        check("models/gemini-2.5-pro", tally(200_000, 0, 0, 0), Some(250_000));
        check("models/gemini-2.5-pro", tally(200_001, 0, 0, 0), Some(500_003));
        check("claude-haiku-5-5", tally(100_001, 1000, 0, 0), Some(26_251));
        check("llama3.3:70b", tally(1, 1, 0, 0), None);
        check("claude-sonnet-4-5", tally(u64::MAX, u64::MAX, 0, 0), Some(u64::MAX));
    }

    #[test]
    fn a_projects_own_prices_go_first_and_the_longest_name_decides() {
        let price = |model: &str, input| ModelPrice {
            model: model.to_owned(),
            input,
            output: 0,
            cache_read: 0,
            cache_write: 0,
        };
        let prices = Prices::new(vec![
            price("*", 1),
            price("claude-*", 2_000_000),
            price("claude-opus-5-5", 3_000_000),
        ]);
        let input = |model: &str| prices.cost(model, &tally(1_000_000, 0, 0, 0));
        assert_eq!(input("claude-opus-5-5"), Some(3_000_000));
        assert_eq!(input("claude-haiku-5-5"), Some(2_000_000), "before the built-in one");
        assert_eq!(input("llama3.3:70b"), Some(1), "a star fits everything");
    }
}
