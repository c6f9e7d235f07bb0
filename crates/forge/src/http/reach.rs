//! The way to a forge: its address, a proxy, a private CA.

use super::Pace;
use crate::error::ForgeError;
use pilot_proto::Problem;
use reqwest::header::HeaderMap;
use reqwest::{Client, Proxy, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How to get to a forge, where that is not simply dialling it.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// How patient to be.
    pub pace: Pace,
    /// Certificates (PEM) that are trusted besides the system's.
    pub authorities: Option<String>,
    /// `http://…` or `socks5://…`; none: what the environment says.
    pub proxy: Option<String>,
    /// Somebody who dials the forge for us; then no proxy is gone through.
    pub way: Option<Arc<dyn Way>>,
}

/// Somebody's connections to a forge that is out of our own reach. TLS is
/// between us and the forge all the same.
pub trait Way: Debug + Send + Sync {
    /// A unix socket; a connection to it is one to the forge's host and port.
    fn socket(&self) -> &Path;

    /// Why the last connection did not come about; none: it did.
    fn problem(&self) -> Option<Problem>;
}

impl Reach {
    /// The error that a request without an answer is.
    pub(crate) fn unreachable(
        &self,
        forge: &Url,
        doing: &'static str,
        source: reqwest::Error,
    ) -> ForgeError {
        match self.way.as_ref().and_then(|way| way.problem()) {
            Some(problem) => ForgeError::Way(problem),
            None => {
                let (forge, source) = (shown(forge), source.without_url());
                ForgeError::Unreachable { forge, doing, source }
            }
        }
    }
}

/// The address of a forge as it is kept: without query and fragment; the
/// error shows no credentials.
pub(crate) fn address(text: &str) -> Result<Url, (String, String)> {
    let bad = |url: &str, why: &str| (url.to_owned(), why.to_owned());
    // What cannot be parsed cannot be shown without credentials either.
    let mut url = Url::parse(text.trim()).map_err(|error| bad("…", &error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad(&format!("{}:…", url.scheme()), "expected `http` or `https`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad(&shown(&url), "give the token separately, not in the address"));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// The URL without what may be secret in it.
pub(crate) fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path().trim_end_matches('/'))
}

/// `base` with more segments, each percent-encoded.
pub(crate) fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// A client for the forge at `forge` that sends `headers` with everything.
pub(crate) fn client(forge: &Url, headers: HeaderMap, reach: &Reach) -> Result<Client, String> {
    let pace = &reach.pace;
    let mut client = Client::builder()
        .tls_backend_preconfigured(tls(forge.scheme() == "https", reach)?)
        .default_headers(headers)
        .user_agent(concat!("pilothouse/", env!("CARGO_PKG_VERSION")))
        .timeout(pace.timeout)
        .connect_timeout(pace.timeout.min(Duration::from_secs(10)))
        .redirect(redirect::Policy::custom(follow));
    match (&reach.way, &reach.proxy) {
        (Some(way), _) => client = client.unix_socket(way.socket()),
        (None, Some(proxy)) => {
            // The error would repeat a password in the address.
            let proxy = Proxy::all(proxy).map_err(|_| "the proxy's address makes no sense")?;
            client = client.proxy(proxy);
        }
        // A proxy of the environment is for the way out; on the way to
        // ourselves it could only read along.
        (None, None) if is_loopback(forge) => client = client.no_proxy(),
        (None, None) => {}
    }
    client.build().map_err(|error| error.to_string())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A client built with its own crypto provider does not depend on what the
/// process has installed, and so cannot panic for the lack of it. Over plain
/// HTTP no certificate is needed, and a machine without any still works.
fn tls(https: bool, reach: &Reach) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    if !https {
        return Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let authorities = reach.authorities.as_deref().unwrap_or_default().as_bytes();
    let authorities: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(authorities)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("the certificates to trust cannot be read ({error})"))?;
    if authorities.is_empty() && reach.authorities.is_some() {
        return Err("there is no certificate in the file of those to trust".to_owned());
    }
    let verifier =
        Verifier::new_with_extra_roots(authorities, provider).map_err(|error| error.to_string())?;
    Ok(config
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// Follows only what keeps method, body and origin: a renamed repository.
/// Anything else would turn a `POST` into a `GET` or show the token elsewhere.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let same_origin =
        attempt.previous().last().is_some_and(|from| from.origin() == attempt.url().origin());
    let same_request = matches!(attempt.status().as_u16(), 307 | 308);
    if same_origin && same_request && attempt.previous().len() <= 3 {
        attempt.follow()
    } else {
        attempt.stop()
    }
}
