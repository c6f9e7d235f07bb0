//! `pilot hub open`: the way into the pages.

use super::{Done, browser, connect};
use crate::args::{Globals, HubCommand};
use crate::output;
use pilot_proto::console::{NewSignInCode, SignInCodeNew};

pub(crate) fn run(globals: &Globals, command: &HubCommand) -> anyhow::Result<Done> {
    let HubCommand::Open { open, valid_secs } = command;
    connect::with_hub(globals, async |hub| {
        let new = NewSignInCode { valid_secs: Some(*valid_secs) };
        let made = hub.call::<SignInCodeNew>(new).await?;
        // Alone on standard output, so that it can be made a QR code of.
        output::show(globals, &made, || made.link.expose().to_owned())?;
        if *open {
            browser::open(made.link.expose())?;
        }
        Ok(Done::Well)
    })
}
