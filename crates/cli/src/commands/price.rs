//! `pilot price`.

use super::{Done, connect};
use crate::args::{Globals, Price};
use crate::output;
use anyhow::Context;
use pilot_proto::console::{Nothing, PriceList, PriceSet, Prices};
use pilot_proto::model::ModelPrice;
use pilot_proto::{Code, Problem};
use std::io::Read;
use std::path::Path;

pub(crate) fn run(globals: &Globals, command: Price) -> anyhow::Result<Done> {
    connect::with_hub(globals, async |hub| {
        match command {
            Price::List => {
                let prices = hub.call::<PriceList>(Nothing {}).await?.prices;
                output::table(
                    globals,
                    &prices,
                    &["MODEL", "INPUT", "OUTPUT", "CACHE READ", "CACHE WRITE"],
                    "no prices of your own: the built-in ones count; `pilot price set FILE`",
                    |price| {
                        let mut cells = vec![price.model.clone()];
                        let all = [price.input, price.output, price.cache_read, price.cache_write];
                        cells.extend(all.map(output::dollars));
                        cells
                    },
                )
            }
            Price::Set { file } => {
                let prices = read(&file)?;
                let kept = hub.call::<PriceSet>(prices).await?;
                output::show(globals, &kept, || {
                    let count = kept.prices.len();
                    let are = if count == 1 { "price is" } else { "prices are" };
                    format!("{count} {are} kept; the next runs count by them")
                })
            }
        }?;
        Ok(Done::Well)
    })
}

/// What `pilot price list --json` prints, or the same in `{"prices": …}`.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Written {
    List(Vec<ModelPrice>),
    Object(Prices),
}

fn read(file: &Path) -> anyhow::Result<Prices> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        text
    } else {
        std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the prices in `{}`", file.display()))?
    };
    match serde_json::from_str(&text) {
        Ok(Written::List(prices) | Written::Object(Prices { prices })) => Ok(Prices { prices }),
        Err(_) => {
            // The error of a choice says nothing; that of the usual form does.
            let why = serde_json::from_str::<Vec<ModelPrice>>(&text).err();
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            let message = format!("`{}` is no list of prices{why}", file.display());
            let hint = "write JSON, in millionths of a dollar for a million tokens: [{\"model\": \"claude-sonnet-*\", \"input\": 3000000, \"output\": 15000000, \"cache_read\": 300000, \"cache_write\": 3750000}]";
            Err(Problem::new(Code::Invalid, message).hint(hint).into())
        }
    }
}
