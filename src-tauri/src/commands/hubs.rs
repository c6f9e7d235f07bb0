//! Which hubs there are, how they are known, and where their keys are.

use crate::desktop::Desktop;
use crate::hubs::{HubEntry, LOCAL};
use crate::keys::Keychain;
use pilot_client::Endpoint;
use pilot_proto::console::{HubStatus, Nothing};
use pilot_proto::{Code, Problem, Secret};
use serde::Serialize;
use std::sync::Arc;
use tauri::State;

type Parts<'a> = State<'a, Arc<Desktop>>;

/// What would be pinned.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Probed {
    url: String,
    fingerprint: Option<String>,
    vouched: bool,
}

/// This machine's, and those that were added.
#[tauri::command]
pub(crate) fn hubs(desktop: Parts<'_>) -> Vec<HubEntry> {
    desktop.hubs()
}

/// Looks at a hub without trusting it, and without a token.
#[tauri::command]
pub(crate) async fn hub_probe(url: String) -> Result<Probed, Problem> {
    let seen = pilot_client::probe(&url).await?;
    Ok(Probed { url: seen.url, fingerprint: seen.fingerprint, vouched: seen.vouched })
}

/// Adds a hub with the certificate that a person has seen. It is kept only
/// if it lets us in.
#[tauri::command]
pub(crate) async fn hub_add(
    desktop: Parts<'_>,
    name: String,
    url: String,
    fingerprint: Option<String>,
    token: String,
) -> Result<HubEntry, Problem> {
    let token = Secret::new(token.trim());
    let entry = desktop.with_book(|book| book.draft(&name, &url, fingerprint.as_deref()))?;
    let endpoint = Endpoint {
        url: entry.url.clone(),
        token: token.clone(),
        fingerprint: entry.fingerprint.clone(),
    };
    pilot_client::Client::new(&endpoint)?.call::<HubStatus>(Nothing {}).await?;
    // The token first: an entry without one would be of no use.
    desktop.keys.keep_token(&entry.id, token).await?;
    desktop.with_book(|book| book.keep(entry.clone()))?;
    desktop.hear(&entry.id).await;
    Ok(entry)
}

/// Forgets a hub and its token.
#[tauri::command]
pub(crate) async fn hub_remove(desktop: Parts<'_>, hub: String) -> Result<(), Problem> {
    not_local(&hub)?;
    desktop.with_book(|book| book.remove(&hub))?;
    desktop.forget(&hub).await;
    desktop.keys.forget_token(&hub).await
}

/// Trusts the certificate that a person has compared.
#[tauri::command]
pub(crate) async fn hub_repin(
    desktop: Parts<'_>,
    hub: String,
    fingerprint: String,
) -> Result<(), Problem> {
    not_local(&hub)?;
    desktop.with_book(|book| book.repin(&hub, &fingerprint))?;
    desktop.hear(&hub).await;
    Ok(())
}

fn not_local(hub: &str) -> Result<(), Problem> {
    if hub == LOCAL {
        let message = "This machine's hub is a part of this program.";
        return Err(Problem::new(Code::Precondition, message));
    }
    Ok(())
}

/// Tries again to start it, with the keychain as it is now.
#[tauri::command]
pub(crate) async fn local_hub_retry(desktop: Parts<'_>) -> Result<(), Problem> {
    desktop.begin().await;
    Ok(())
}

/// How the keychain is.
#[tauri::command]
pub(crate) async fn keychain(desktop: Parts<'_>) -> Result<Keychain, Problem> {
    Ok(desktop.keys.look().await)
}

/// Makes or opens the sealed file, and starts what waited for it.
#[tauri::command]
pub(crate) async fn sealed_unlock(desktop: Parts<'_>, passphrase: String) -> Result<(), Problem> {
    desktop.keys.unlock(Secret::new(passphrase)).await?;
    desktop.begin().await;
    Ok(())
}
