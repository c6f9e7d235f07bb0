//! Looking at a hub before trusting it: what would be pinned.
//!
//! **Invariant:** no token goes along, whoever answers.

use crate::client::SILENCE_DEADLINE;
use crate::endpoint::{Endpoint, is_this_machine, shown};
use crate::error::ClientError;
use crate::tls::{self, Stranger, Trust};
use pilot_proto::Secret;
use reqwest::{Url, redirect};

/// What stands at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probed {
    /// The address as an [`Endpoint`] takes it.
    pub url: String,
    /// SHA-256 of its certificate, hex; none for plain HTTP on this machine.
    pub fingerprint: Option<String>,
    /// The system's authorities vouch for it: it need not be pinned.
    pub vouched: bool,
}

/// Asks whether a hub is at `url` (`https://` where it says no scheme), and
/// takes its certificate down, whichever it is.
pub async fn probe(url: &str) -> Result<Probed, ClientError> {
    let url = url.trim();
    let url = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
    let unnamed = Endpoint { url, token: Secret::default(), fingerprint: None };
    let mut url = unnamed.parsed()?;
    url.set_query(None);
    url.set_fragment(None);
    let address = url.as_str().trim_end_matches('/').to_owned();
    if url.scheme() == "http" {
        ask(&address, &url, Trust::Nobody, &Stranger::default()).await?;
        return Ok(Probed { url: address, fingerprint: None, vouched: false });
    }
    let stranger = Stranger::default();
    ask(&address, &url, Trust::Anybody, &stranger).await?;
    let fingerprint = stranger.take();
    let vouched = ask(&address, &url, Trust::System, &Stranger::default()).await.is_ok();
    Ok(Probed { url: address, fingerprint, vouched })
}

async fn ask(
    address: &str,
    url: &Url,
    trust: Trust<'_>,
    stranger: &Stranger,
) -> Result<(), ClientError> {
    let bad = |why: String| ClientError::Address { url: shown(address), why };
    let unreachable = |error: reqwest::Error| ClientError::Unreachable {
        hub: shown(address),
        source: error.without_url().into(),
    };
    let tls = tls::config(trust, stranger).map_err(|error| bad(error.to_string()))?;
    let mut http = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("pilothouse/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .timeout(SILENCE_DEADLINE);
    if is_this_machine(url) {
        http = http.no_proxy();
    }
    let http = http.build().map_err(|error| bad(error.to_string()))?;
    let asked = http.get(format!("{address}/healthz")).send().await.map_err(unreachable)?;
    let status = asked.status();
    let mut asked = asked;
    // A hub says two letters; what says more is something else.
    let begin = asked.chunk().await.map_err(unreachable)?.unwrap_or_default();
    if status.is_success() && &begin[..] == b"ok" {
        return Ok(());
    }
    let why = format!("it answers {} where a hub says that it is well", status.as_u16());
    Err(ClientError::NotAHub { hub: shown(address), why })
}
