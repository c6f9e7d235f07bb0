//! Prices of models that go before those the gateway knows by itself.

use super::{MAX_NAME, invalid, shown};
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_proto::Problem;
use pilot_proto::console::{Nothing, PriceList, PriceSet, Prices};
use pilot_proto::model::ModelPrice;
use std::collections::HashSet;

/// Longest name of a model: with its vendor, region and version in it.
const MAX_MODEL: usize = 4 * MAX_NAME;
/// Dearest price of a million tokens: a million dollars. More is a slip, and
/// times a run's tokens would no longer fit.
const DEAREST: u64 = 1_000_000_000_000;

impl Answers<PriceList> for Parts {
    async fn answer(&self, _who: &Principal, _: Nothing) -> Result<Prices, Problem> {
        crate::settings::prices(&self.store).await.map_err(|error| error.problem())
    }
}

impl Answers<PriceSet> for Parts {
    async fn answer(&self, who: &Principal, prices: Prices) -> Result<Prices, Problem> {
        check(&prices.prices)?;
        self.core.put_prices(prices.clone()).await?;
        tracing::info!(who = who.name, count = prices.prices.len(), "prices of models were set");
        Ok(prices)
    }
}

fn check(prices: &[ModelPrice]) -> Result<(), Problem> {
    if prices.len() > Prices::MAX {
        let most = Prices::MAX;
        return Err(invalid(format!("There are {} prices; {most} at most.", prices.len())));
    }
    let mut seen = HashSet::new();
    for price in prices {
        let model = price.model.as_str();
        let name = model.strip_suffix('*').unwrap_or(model);
        let strange = |letter: char| letter.is_control() || letter.is_whitespace() || letter == '*';
        if model.is_empty() || model.len() > MAX_MODEL || name.contains(strange) {
            let message = format!("`model`: `{}` is no model's name.", shown(model));
            let hint = "Write the name, or its beginning and one `*`: `claude-sonnet-*`.";
            return Err(invalid(message).hint(hint));
        }
        if !seen.insert(model) {
            return Err(invalid(format!("`{}` has two prices.", shown(model))));
        }
        let all = [price.input, price.output, price.cache_read, price.cache_write];
        if all.iter().any(|one| *one > DEAREST) {
            let message = format!("A price of `{}` is more than $1,000,000.", shown(model));
            let hint =
                "Prices are millionths of a US dollar for a million tokens: 3 dollars are 3000000.";
            return Err(invalid(message).hint(hint));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_list_is_told_from_nonsense() {
        let price = |model: &str, input: u64| ModelPrice {
            model: model.to_owned(),
            input,
            output: 0,
            cache_read: 0,
            cache_write: 0,
        };
        check(&[]).expect("none is fine");
        check(&[price("claude-sonnet-4-5", 3_000_000), price("claude-*", 5), price("*", 0)])
            .expect("a list");
        for bad in [
            vec![price("", 1)],
            vec![price("a*b", 1)],
            vec![price("a b", 1)],
            vec![price("a", 1), price("a", 2)],
            vec![price("a", DEAREST + 1)],
            (0..=Prices::MAX).map(|number| price(&format!("m{number}"), 1)).collect(),
        ] {
            check(&bad).expect_err("it is refused");
        }
    }
}
