//! A person's own browser.

use anyhow::Context;
use std::process::{Child, Stdio};

/// Opens a page; the desktop knows in which browser. The address stands in a
/// process list for a moment, where only this machine's users could see it: it
/// holds nothing that works for anybody else, or works once.
pub(crate) fn start(page: &str) -> anyhow::Result<Child> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    #[expect(clippy::disallowed_methods, reason = "a person's own desktop, not an agent's")]
    let mut command = std::process::Command::new(program);
    // A browser of the terminal would take what is typed in there.
    command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn();
    child
        .with_context(|| format!("`{program}` cannot be started; open the page above in a browser"))
}

/// The same, and waits until it was opened.
pub(crate) fn open(page: &str) -> anyhow::Result<()> {
    let status = start(page)?.wait().context("cannot wait for the browser")?;
    anyhow::ensure!(status.success(), "there is no browser here; open the page above in one");
    Ok(())
}
