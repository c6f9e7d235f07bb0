//! How we talk to a Vault: one client, one policy for deadlines, tries, sizes
//! and redirects.

use super::{VaultAddress, VaultError};
use pilot_proto::Secret;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Response, Url, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// A secret has 1 MiB at most (Vault's own default for a stored entry).
const MAX_REPLY: usize = 2 * 1024 * 1024;
/// What a person is shown of its words.
const MAX_SAID: usize = 300;
/// A standby that takes over needs a few seconds; the deadline ends it sooner.
const TRIES: u32 = 5;
/// The first wait between two tries; it doubles.
const WAIT: Duration = Duration::from_millis(200);

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    /// Null if it is no JSON.
    pub(super) body: Value,
}

impl Reply {
    fn errors(&self) -> Vec<&str> {
        let errors = self.body.get("errors").and_then(Value::as_array).into_iter().flatten();
        errors.filter_map(Value::as_str).collect()
    }

    /// Its words.
    pub(super) fn said(&self) -> String {
        let said = self.errors().join("; ").replace(['\n', '\t'], " ");
        let end = said.floor_char_boundary(MAX_SAID);
        if said.is_empty() { "it gave no reason".to_owned() } else { said[..end].to_owned() }
    }

    /// It does not know the token, as opposed to: the token may not do that.
    pub(super) fn is_of_no_token(&self) -> bool {
        let no_token = |error: &&str| {
            ["invalid token", "bad token", "missing client token"]
                .iter()
                .any(|no| error.contains(no))
        };
        self.errors().iter().any(no_token)
    }

    fn is_sealed(&self) -> bool {
        let sealed = |error: &&str| error.contains("sealed") || error.contains("not initialized");
        self.status == 503 && self.errors().iter().any(sealed)
    }

    pub(super) fn refusal(&self, doing: &'static str) -> VaultError {
        VaultError::Refused { status: self.status, doing, said: self.said() }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Http {
    client: Client,
    vault: Url,
    deadline: Duration,
}

/// A path below `/v1/` of parts that may have `/` in them; no part may be
/// empty or lead elsewhere.
pub(super) fn path(parts: &[&str]) -> Result<Vec<String>, VaultError> {
    let mut path = Vec::new();
    for part in parts {
        for segment in part.trim_matches('/').split('/') {
            if matches!(segment, "" | "." | "..") {
                let why = format!("`{part}` is no path in a Vault");
                return Err(VaultError::Address { why });
            }
            path.push(segment.to_owned());
        }
    }
    Ok(path)
}

impl Http {
    pub(super) fn new(address: &VaultAddress, deadline: Duration) -> Result<Self, VaultError> {
        let bad = |why: String| VaultError::Address { why };
        let vault = Url::parse(&address.url).map_err(|error| bad(error.to_string()))?;
        let loopback = matches!(vault.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        match vault.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => {
                return Err(bad(
                    "only `https`, and `http` on the loopback, keep a token safe".into()
                ));
            }
        }
        if vault.cannot_be_a_base() || !vault.username().is_empty() || vault.password().is_some() {
            return Err(bad("it must be an address without a login".into()));
        }
        let mut headers = HeaderMap::new();
        // Required since 1.1 where a Vault Agent listens.
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        if let Some(namespace) = &address.namespace {
            let value = HeaderValue::from_str(namespace.trim_matches('/'));
            let value = value.map_err(|_| bad("the namespace is no text".into()))?;
            headers.insert("x-vault-namespace", value);
        }
        let mut client = Client::builder()
            .tls_backend_preconfigured(tls(address.authority.as_deref()).map_err(bad)?)
            .default_headers(headers)
            .user_agent(concat!("pilothouse/", env!("CARGO_PKG_VERSION")))
            .timeout(deadline)
            .redirect(redirect::Policy::custom(follow));
        if loopback {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| bad(error.to_string()))?;
        Ok(Self { client, vault, deadline })
    }

    /// Asks until there is an answer that another try would not change.
    pub(super) async fn send(
        &self,
        doing: &'static str,
        method: Method,
        path: &[String],
        token: Option<&Secret>,
        body: Option<&Value>,
    ) -> Result<Reply, VaultError> {
        let tries = self.tries(doing, &method, path, token, body);
        let late = |_| VaultError::Late { vault: self.vault.to_string(), doing };
        tokio::time::timeout(self.deadline, tries).await.map_err(late)?
    }

    async fn tries(
        &self,
        doing: &'static str,
        method: &Method,
        path: &[String],
        token: Option<&Secret>,
        body: Option<&Value>,
    ) -> Result<Reply, VaultError> {
        let mut wait = WAIT;
        for tried in 1.. {
            let error = match self.once(doing, method, path, token, body).await {
                Ok(reply) if reply.is_sealed() => return Err(VaultError::Sealed),
                // 412: a replica has not seen yet what we just did.
                Ok(reply) if matches!(reply.status, 412 | 429 | 500..) => {
                    VaultError::Busy { status: reply.status, doing }
                }
                Ok(reply) => return Ok(reply),
                // A login that was heard may have used its secret id up.
                Err(VaultError::Unreachable { vault, doing, source })
                    if *method == Method::GET || source.is_connect() =>
                {
                    VaultError::Unreachable { vault, doing, source }
                }
                Err(error) => return Err(error),
            };
            if tried == TRIES {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        unreachable!("the tries are counted")
    }

    async fn once(
        &self,
        doing: &'static str,
        method: &Method,
        path: &[String],
        token: Option<&Secret>,
        body: Option<&Value>,
    ) -> Result<Reply, VaultError> {
        let unreachable = |source: reqwest::Error| VaultError::Unreachable {
            vault: self.vault.to_string(),
            doing,
            source: source.without_url(),
        };
        let mut url = self.vault.clone();
        url.path_segments_mut()
            .map_err(|()| VaultError::Address { why: "it has no path".to_owned() })?
            .pop_if_empty()
            .push("v1")
            .extend(path);
        let mut request = self.client.request(method.clone(), url);
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(token.expose()).map_err(|_| {
                VaultError::Login { said: "the token has letters that no token has".to_owned() }
            })?;
            value.set_sensitive(true);
            request = request.header(HeaderName::from_static("x-vault-token"), value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let body = read(response).await.map_err(unreachable)?;
        let Some(body) = body else {
            let why = format!("it has more than {MAX_REPLY} bytes");
            return Err(VaultError::Strange { why });
        };
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Reply { status, body })
    }
}

/// A body; none if it is longer than any that is meant.
async fn read(mut response: Response) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_REPLY {
            return Ok(None);
        }
    }
    Ok(Some(body))
}

fn tls(authority: Option<&str>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let Some(authority) = authority else {
        let config = config.with_platform_verifier().map_err(|error| error.to_string())?;
        return Ok(config.with_no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        let certificate = certificate.map_err(|_| "its authority is no PEM".to_owned())?;
        roots.add(certificate).map_err(|error| format!("its authority: {error}"))?;
    }
    if roots.is_empty() {
        return Err("its authority has no certificate in PEM".to_owned());
    }
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Follows only what keeps method, body, scheme and host: the token goes along.
/// A standby that redirects to another host has to be addressed by a name that
/// leads to the active one.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let same_origin = attempt.previous().last().is_some_and(|from| {
        (from.scheme(), from.host()) == (attempt.url().scheme(), attempt.url().host())
    });
    let same_request = matches!(attempt.status().as_u16(), 307 | 308);
    if same_origin && same_request && attempt.previous().len() <= 3 {
        attempt.follow()
    } else {
        attempt.stop()
    }
}
