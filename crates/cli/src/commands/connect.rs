//! Which hub a console talks to: the one named, otherwise the one on this machine.

use crate::args::Globals;
use crate::output::NoHub;
use anyhow::Context;
use pilot_client::{Client, Endpoint};
use pilot_proto::Secret;
use pilot_secrets::Keychain;
use std::path::{Path, PathBuf};

/// Runs a command against the hub, on a runtime of its own.
pub(crate) fn with_hub<T>(
    globals: &Globals,
    command: impl AsyncFnOnce(&Client) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
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
        return match pilot_client::discovered(&data)? {
            Some(found) => Ok(found),
            None => Ok(of_the_window(globals, &data)?.ok_or(NoHub)?),
        };
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

/// The hub in the window: its owner's token is in the keychain and in no file.
fn of_the_window(globals: &Globals, data: &Path) -> anyhow::Result<Option<Endpoint>> {
    let Ok(url) = std::fs::read_to_string(data.join("hub/address")) else { return Ok(None) };
    // As the window names its entries: those of another directory apart.
    let service = match &globals.data {
        Some(_) => format!("pilothouse {}", data.display()),
        None => "pilothouse".to_owned(),
    };
    let token = Keychain::new(service).get("owner-token").map_err(|error| error.problem())?;
    let url = url.trim().to_owned();
    Ok(token.map(|token| Endpoint { url, token, fingerprint: None }))
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
