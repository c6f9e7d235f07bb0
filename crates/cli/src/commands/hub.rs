//! `pilot hub open`: the way into the pages.

use super::{Done, connect};
use crate::args::{Globals, HubCommand};
use crate::output;
use anyhow::Context;
use pilot_proto::console::{NewSignInCode, SignInCodeNew};

pub(crate) fn run(globals: &Globals, command: &HubCommand) -> anyhow::Result<Done> {
    let HubCommand::Open { open, valid_secs } = command;
    connect::with_hub(globals, async |hub| {
        let new = NewSignInCode { valid_secs: Some(*valid_secs) };
        let made = hub.call::<SignInCodeNew>(new).await?;
        // Alone on standard output, so that it can be made a QR code of.
        output::show(globals, &made, || made.link.expose().to_owned())?;
        if *open {
            open_here(made.link.expose())?;
        }
        Ok(Done::Well)
    })
}

/// The desktop knows which browser. The link stands in a process list for a
/// moment, where only this machine's users could see it, and works once.
fn open_here(link: &str) -> anyhow::Result<()> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    #[expect(clippy::disallowed_methods, reason = "a person's own desktop, not an agent's")]
    let status = std::process::Command::new(program).arg(link).status();
    let status = status.with_context(|| {
        format!("`{program}` cannot be started; open the link above in a browser")
    })?;
    anyhow::ensure!(status.success(), "`{program}` found no browser; open the link above in one");
    Ok(())
}
