//! How we talk to a forge: one client, one policy for deadlines, retries,
//! sizes and redirects, and the one place that knows the token.
//!
//! Only what can be asked twice without harm is asked twice: reads and patches
//! after any failure, a `POST` only where the forge says that it did not look
//! at it (429) or was never reached.

use crate::error::ForgeError;
use pilot_proto::Secret;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Request, Response, Url, redirect};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A page of 50 pull requests with bodies of 64 KiB and two repositories each
/// is about 5 MiB; more than three times that is not an answer but a flood.
const MAX_REPLY: usize = 16 * 1024 * 1024;
/// What a person is shown of a forge's words.
const MAX_SAID: usize = 300;

/// How patient we are.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How long one request may take, from dialling to the last byte.
    pub timeout: Duration,
    /// How often something is tried before it has failed.
    pub tries: u32,
    /// The first wait between two tries, on average; it doubles each time.
    pub wait: Duration,
    /// Longer than this we never wait, whatever the forge asks for: a caller
    /// with a deadline of its own decides about long waits.
    pub longest_wait: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(20),
            // About 250, 500, 1000, 2000 ms: over a restart of a proxy, not
            // over an outage, which the hub's own schedule has to bridge.
            tries: 5,
            wait: Duration::from_millis(250),
            longest_wait: Duration::from_secs(10),
        }
    }
}

impl Pace {
    /// The wait before try `attempt + 1`: between half and the whole of an
    /// exponential step, so that forty tasks do not come back in step.
    pub(crate) async fn pause(&self, attempt: u32) {
        let step = self.wait.saturating_mul(1 << attempt.clamp(1, 16).saturating_sub(1));
        let step = step.min(self.longest_wait);
        tokio::time::sleep(step.mul_f64(0.5 + jitter() / 2.0)).await;
    }
}

/// In `[0, 1)`. Without randomness from the system it is simply not random:
/// jitter is a courtesy, not a safeguard.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}

/// One request, as often as the policy likes to make it.
#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    /// For error messages: `listing pull requests`.
    pub(crate) doing: &'static str,
    pub(crate) method: Method,
    /// Below `/api/v1/`; each is percent-encoded.
    pub(crate) path: &'a [&'a str],
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<&'a Value>,
}

impl<'a> Call<'a> {
    pub(crate) fn get(doing: &'static str, path: &'a [&'a str]) -> Self {
        Self { doing, method: Method::GET, path, query: &[], body: None }
    }
}

/// What a forge answered, read to its end.
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// What the headers of a list say about the rest of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paging {
    next: Option<bool>,
    total: Option<usize>,
}

impl Paging {
    /// True if more than the `seen` items are to be had. A list of one page
    /// has no `Link` header; the total tells that from a proxy that eats it.
    pub(crate) fn more(self, seen: usize) -> bool {
        self.next.unwrap_or(false) || self.total.is_some_and(|total| seen < total)
    }
}

/// A connection to one forge.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client,
    forge: Url,
    token: Secret,
    pub(crate) pace: Pace,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("forge", &self.forge.as_str()).finish_non_exhaustive()
    }
}

impl Http {
    pub(crate) fn new(url: &str, token: Secret, pace: Pace) -> Result<Self, ForgeError> {
        let forge = forge_url(url)?;
        let bad = |why: String| ForgeError::Address { url: shown(&forge), why };
        let mut authorization = HeaderValue::from_str(&format!("token {}", token.expose().trim()))
            .map_err(|_| bad("the token has characters that no token has".to_owned()))?;
        authorization.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, authorization);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let mut client = Client::builder()
            .tls_backend_preconfigured(tls(forge.scheme() == "https").map_err(bad)?)
            .default_headers(headers)
            .user_agent(concat!("pilothouse/", env!("CARGO_PKG_VERSION")))
            .timeout(pace.timeout)
            .connect_timeout(pace.timeout.min(Duration::from_secs(10)))
            .redirect(redirect::Policy::custom(follow));
        if is_loopback(&forge) {
            // A proxy is for the way out; on the way to ourselves it could
            // only read along.
            client = client.no_proxy();
        }
        let client = client.build().map_err(|error| bad(error.to_string()))?;
        Ok(Self { client, forge, token, pace })
    }

    pub(crate) fn forge(&self) -> &Url {
        &self.forge
    }

    /// The forge's address as we show it.
    pub(crate) fn name(&self) -> String {
        shown(&self.forge)
    }

    /// The token itself; pasted ones bring line ends along.
    pub(crate) fn token(&self) -> &str {
        self.token.expose().trim()
    }

    /// Asks until there is an answer that is neither 429 nor 5xx, or patience
    /// has run out. Other refusals are answers.
    pub(crate) async fn send(&self, call: &Call<'_>) -> Result<Reply, ForgeError> {
        let repeatable = call.method != Method::POST;
        let mut tries = 0;
        loop {
            tries += 1;
            let outcome = self.send_once(call).await;
            let wait = match &outcome {
                Ok(reply) if reply.status == 429 => reply.retry_after(),
                Ok(reply) if reply.status >= 500 && repeatable => reply.retry_after(),
                Err(ForgeError::Unreachable { source, .. })
                    if repeatable || source.is_connect() =>
                {
                    None
                }
                Ok(reply) if reply.status >= 500 => return Err(self.busy(call, reply, tries)),
                Ok(_) | Err(_) => return outcome,
            };
            let patient = wait.is_none_or(|wait| wait <= self.pace.longest_wait);
            if tries >= self.pace.tries || !patient {
                return outcome.and_then(|reply| Err(self.busy(call, &reply, tries)));
            }
            tracing::debug!(forge = %self.name(), call.doing, tries, "the forge is asked again");
            tokio::time::sleep(wait.unwrap_or_default()).await;
            self.pace.pause(tries).await;
        }
    }

    /// Asks, and reads the answer as `T`; anything but 2xx is an error.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, ForgeError> {
        let reply = self.send(call).await?;
        self.read(call.doing, &reply)
    }

    /// Reads an answer as `T`; anything but 2xx is an error.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        doing: &'static str,
        reply: &Reply,
    ) -> Result<T, ForgeError> {
        if !(200..=299).contains(&reply.status) {
            return Err(self.refusal(doing, reply));
        }
        serde_json::from_slice(&reply.body)
            .map_err(|error| self.strange(doing, format!("its answer cannot be read ({error})")))
    }

    /// The error that an answer other than 2xx is.
    pub(crate) fn refusal(&self, doing: &'static str, reply: &Reply) -> ForgeError {
        let forge = self.name();
        let said = self.said(reply);
        match reply.status {
            401 => ForgeError::Unauthorized { forge, said },
            403 => match missing_scopes(&said) {
                Some(missing) => ForgeError::Scopes { forge, missing },
                None => ForgeError::Refused { forge, doing, status: 403, said },
            },
            300..=399 => self.strange(doing, format!("it redirects to {}", reply.location())),
            status => ForgeError::Refused { forge, doing, status, said },
        }
    }

    pub(crate) fn strange(&self, doing: &'static str, why: String) -> ForgeError {
        ForgeError::Strange { forge: self.name(), doing, why }
    }

    async fn send_once(&self, call: &Call<'_>) -> Result<Reply, ForgeError> {
        let unreachable = |source: reqwest::Error| ForgeError::Unreachable {
            forge: self.name(),
            doing: call.doing,
            source: source.without_url(),
        };
        let mut response = self.client.execute(self.request(call)).await.map_err(unreachable)?;
        let mut reply = Reply::begin(&mut response);
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if reply.body.len() + chunk.len() > MAX_REPLY {
                return Err(self.strange(call.doing, format!("it sends over {MAX_REPLY} bytes")));
            }
            reply.body.extend_from_slice(&chunk);
        }
        Ok(reply)
    }

    fn request(&self, call: &Call<'_>) -> Request {
        let mut url = self.forge.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]).extend(call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let mut request = Request::new(call.method.clone(), url);
        if let Some(body) = call.body {
            request
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.to_string().into());
        }
        request
    }

    fn busy(&self, call: &Call<'_>, reply: &Reply, tries: u32) -> ForgeError {
        ForgeError::Busy {
            forge: self.name(),
            doing: call.doing,
            status: reply.status,
            tries,
            wait: reply.retry_after(),
        }
    }

    /// The forge's own words, bounded, on one line and without our token.
    fn said(&self, reply: &Reply) -> String {
        let text = String::from_utf8_lossy(&reply.body);
        let text = match serde_json::from_str::<Value>(&text) {
            Ok(value) => value["message"].as_str().unwrap_or_default().to_owned(),
            Err(_) if text.trim_start().starts_with('<') => "(a web page)".to_owned(),
            Err(_) => text.into_owned(),
        };
        let token = self.token();
        let text = if token.is_empty() { text } else { text.replace(token, "<redacted>") };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match text.char_indices().nth(MAX_SAID) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

impl Reply {
    fn begin(response: &mut Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: Vec::new(),
        }
    }

    fn text(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// In seconds only: the other form needs the clocks of two machines to
    /// agree, and our own step is a fair answer to it.
    fn retry_after(&self) -> Option<Duration> {
        self.text(header::RETRY_AFTER)?.trim().parse().ok().map(Duration::from_secs)
    }

    pub(crate) fn paging(&self) -> Paging {
        Paging {
            next: self.text(header::LINK).map(|link| link.contains("rel=\"next\"")),
            total: self.text("x-total-count").and_then(|total| total.trim().parse().ok()),
        }
    }

    fn location(&self) -> String {
        match self.text(header::LOCATION).map(Url::parse) {
            Some(Ok(url)) => format!("`{}`", shown(&url)),
            Some(Err(_)) | None => "another page".to_owned(),
        }
    }
}

/// The URL without what may be secret in it.
fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path().trim_end_matches('/'))
}

fn forge_url(text: &str) -> Result<Url, ForgeError> {
    let bad =
        |url: &str, why: &str| ForgeError::Address { url: url.to_owned(), why: why.to_owned() };
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
fn tls(https: bool) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(if https {
        config.with_platform_verifier().map_err(|error| error.to_string())?.with_no_client_auth()
    } else {
        config.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
    })
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

/// `token does not have at least one of required scope(s): [write:issue]`
fn missing_scopes(said: &str) -> Option<Vec<String>> {
    let (_, list) = said.split_once("required scope(s):")?;
    let list = list.trim().trim_start_matches('[');
    let list = list.split_once(']').map_or(list, |(list, _)| list);
    let scopes: Vec<String> = list
        .split([',', ' '])
        .map(str::trim)
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect();
    (!scopes.is_empty()).then_some(scopes)
}
