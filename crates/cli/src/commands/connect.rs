//! Which hub a console talks to: the one named, otherwise the one on this machine.

use super::Done;
use crate::args::Globals;
use crate::output::NoHub;
use anyhow::Context;
use pilot_client::{Client, Endpoint};
use pilot_proto::Secret;
use std::path::PathBuf;

/// Runs a command against the hub, on a runtime of its own.
pub(crate) fn with_hub(
    globals: &Globals,
    command: impl AsyncFnOnce(&Client) -> anyhow::Result<Done>,
) -> anyhow::Result<Done> {
    let endpoint = endpoint(globals)?;
    runtime()?.block_on(async {
        let client = Client::new(&endpoint)?;
        command(&client).await
    })
}

/// One thread is enough to wait for a hub.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

pub(crate) fn endpoint(globals: &Globals) -> anyhow::Result<Endpoint> {
    let Some(url) = globals.hub.clone() else {
        let data = data_directory(globals)?;
        return Ok(pilot_client::discovered(&data)?.ok_or(NoHub)?);
    };
    let token = match (&globals.token_file, environment("PILOTHOUSE_TOKEN")) {
        (Some(path), _) => std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the token in `{}`", path.display()))?,
        (None, Some(token)) => token,
        (None, None) => anyhow::bail!(
            "the hub at `{url}` wants a token: say --token-file FILE, or set PILOTHOUSE_TOKEN"
        ),
    };
    let token = Secret::new(token.trim());
    Ok(Endpoint { url, token, fingerprint: globals.fingerprint.clone() })
}

/// `--data`, otherwise the XDG data directory's `pilothouse`.
pub(crate) fn data_directory(globals: &Globals) -> anyhow::Result<PathBuf> {
    if let Some(data) = &globals.data {
        return std::path::absolute(data).context("the data directory's path makes no sense");
    }
    let base = match environment("XDG_DATA_HOME").map(PathBuf::from) {
        Some(base) if base.is_absolute() => base,
        _ => PathBuf::from(environment("HOME").context("neither --data nor HOME is set")?)
            .join(".local/share"),
    };
    Ok(base.join("pilothouse"))
}

/// A variable that is set and not empty.
pub(crate) fn environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the one reader of the process's environment")]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
