//! Where a hub is, and how to know it.

use crate::error::ClientError;
use pilot_proto::Secret;
use std::io::ErrorKind;
use std::path::Path;
use url::{Host, Url};

/// A hub and our way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Base URL. Plain `http` only for this machine.
    pub url: String,
    /// Who we are to it.
    pub token: Secret,
    /// SHA-256 of its certificate, hex; none: the system's authorities decide.
    pub fingerprint: Option<String>,
}

impl Endpoint {
    /// The URL, checked.
    pub(crate) fn parsed(&self) -> Result<Url, ClientError> {
        let bad = |why: &str| ClientError::Address { url: shown(&self.url), why: why.to_owned() };
        let url = Url::parse(self.url.trim()).map_err(|error| bad(&error.to_string()))?;
        match url.scheme() {
            "https" => {}
            "http" if is_this_machine(&url) => {}
            "http" => return Err(bad("plain `http` is spoken to this machine only, use `https`")),
            _ => return Err(bad("expected `https://…` or `http://127.0.0.1:…`")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("give the token separately, not in the address"));
        }
        Ok(url)
    }
}

pub(crate) fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// `url` without what may be secret in it.
pub(crate) fn shown(url: &str) -> String {
    let Ok(url) = Url::parse(url.trim()) else { return "…".to_owned() };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let path = url.path().trim_end_matches('/');
    format!("{}://{}{port}{path}", url.scheme(), url.host_str().unwrap_or("…"))
}

/// The hub of this machine whose data is in `data_dir`: it writes its address
/// and its owner's token there when it starts. None where no hub ever ran.
pub fn discovered(data_dir: &Path) -> Result<Option<Endpoint>, ClientError> {
    let hub = data_dir.join("hub");
    let Some(url) = line_of(&hub.join("address"))? else { return Ok(None) };
    let Some(token) = line_of(&hub.join("owner-token"))? else { return Ok(None) };
    let fingerprint = line_of(&hub.join("fingerprint"))?;
    Ok(Some(Endpoint { url, token: Secret::new(token), fingerprint }))
}

fn line_of(path: &Path) -> Result<Option<String>, ClientError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(source) => Err(ClientError::LocalHub { path: path.to_owned(), source }),
    }
}
