//! From the gateway to a provider: where it is, who speaks what, and how often
//! it is asked.
//!
//! A request is repeated, or goes to the next provider that speaks its
//! dialect, only as long as nothing of an answer was passed on; after that a
//! broken answer stays broken and the agent decides.

use super::asked::Asked;
use super::login::{Login, LoginError, chain};
use super::{GatewayError, Owner, dialect};
use hyper::header::{self, HeaderMap};
use hyper::{Method, StatusCode};
use pilot_proto::Secret;
use pilot_proto::model::Dialect;
use pilot_proto::project::{ProviderGrant, ProviderKind};
use reqwest::{Client, Request, Response, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How patient the gateway is before the first byte of an answer.
#[derive(Debug, Clone)]
pub struct Patience {
    /// How often one provider is asked.
    pub tries: u32,
    /// The first wait between two tries, on average; it doubles each time.
    pub wait: Duration,
    /// Longer than this it never waits: what a provider asks for beyond it is
    /// for the agent, and for the person who watches it, to see.
    pub longest_wait: Duration,
    /// After so long no further try is begun.
    pub deadline: Duration,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long a provider may be silent, also in the middle of an answer.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // Over a hiccup, not over an outage: agents have patience of their
            // own, and show theirs to people.
            tries: 3,
            wait: Duration::from_millis(400),
            longest_wait: Duration::from_secs(10),
            deadline: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            // The vendors' clients give up on a call after ten minutes, and
            // their patience should be the one that ends first.
            silence: Duration::from_secs(15 * 60),
        }
    }
}

/// One provider, ready to be asked.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) kind: ProviderKind,
    base: Url,
    client: Client,
    pub(crate) login: Arc<Login>,
}

/// What is asked, whoever is asked.
pub(crate) struct Question<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) provider: Arc<Provider>,
    pub(crate) attempts: u32,
    pub(crate) answer: Result<(Response, Secret), Failure>,
}

/// Nobody answered. None of these holds a key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the provider `{provider}` cannot be reached: {why}")]
    Unreachable { provider: String, why: String },
    #[error(transparent)]
    Login(#[from] LoginError),
}

/// Builds the clients for all providers, which share one set of roots.
pub(crate) fn providers(
    grants: &[ProviderGrant],
    patience: &Patience,
    owner: &Owner,
) -> Result<Vec<Arc<Provider>>, GatewayError> {
    let mut roots = None;
    grants.iter().map(|grant| provider(grant, patience, owner, &mut roots)).collect()
}

fn provider(
    grant: &ProviderGrant,
    patience: &Patience,
    owner: &Owner,
    roots: &mut Option<ClientConfig>,
) -> Result<Arc<Provider>, GatewayError> {
    let bad = |why: String| GatewayError::Address { provider: grant.name.clone(), why };
    let base = grant.base_url.as_deref().unwrap_or_else(|| vendor(grant.kind));
    let base = address(base).map_err(bad)?;
    let renewal = match &grant.oauth {
        Some(oauth) => Some(address(&oauth.token_url).map_err(bad)?),
        None => None,
    };
    let encrypted =
        [Some(&base), renewal.as_ref()].into_iter().flatten().any(|url| url.scheme() == "https");
    let config = match (encrypted, &*roots) {
        (true, Some(roots)) => roots.clone(),
        (true, None) => roots.insert(tls(true, None).map_err(bad)?).clone(),
        (false, _) => tls(false, None).map_err(bad)?,
    };
    let mut client = Client::builder()
        .tls_backend_preconfigured(config)
        .connect_timeout(patience.connect)
        .read_timeout(patience.silence)
        // A token in a wait of Nagle's is a token late.
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none());
    if is_loopback(&base) {
        // A proxy is for the way out.
        client = client.no_proxy();
    }
    let client = client.build().map_err(|error| bad(chain(&error)))?;
    let login = Login::new(grant, client.clone(), owner.clone());
    Ok(Arc::new(Provider { name: grant.name.clone(), kind: grant.kind, base, client, login }))
}

/// The vendors' own endpoints, as their clients have them.
fn vendor(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Anthropic => "https://api.anthropic.com",
        ProviderKind::OpenAi => "https://api.openai.com/v1",
        ProviderKind::Gemini => "https://generativelanguage.googleapis.com",
        ProviderKind::Ollama => "http://127.0.0.1:11434",
    }
}

fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}:` is neither `http` nor `https`", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a login; give the key separately".to_owned());
    }
    Ok(url)
}

/// Whether an address is this machine's own.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A configuration with its own crypto does not depend on what the process has
/// installed. Roots are the system's, or those `SSL_CERT_FILE` names, and these
/// (PEM). Over plain HTTP none are needed, and a machine without any still works.
pub(crate) fn tls(https: bool, authorities: Option<&str>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    if !https {
        return Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let authorities: Vec<_> =
        CertificateDer::pem_slice_iter(authorities.unwrap_or_default().as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| format!("the certificates to trust cannot be read ({error})"))?;
    let verifier =
        Verifier::new_with_extra_roots(authorities, provider).map_err(|error| error.to_string())?;
    Ok(config
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

impl Provider {
    /// The address of a path of the API.
    ///
    /// Everybody writes base URLs as that vendor's clients want them: OpenAI's
    /// end in `/v1` or whatever stands for it elsewhere, the others' do not,
    /// and a version too many is forgiven.
    fn url(&self, path: &str, query: Option<&str>) -> Url {
        let base = self.base.path().trim_end_matches('/');
        let joined = match self.kind {
            ProviderKind::OpenAi if !base.is_empty() => {
                format!("{base}{}", path.strip_prefix("/v1").unwrap_or(path))
            }
            ProviderKind::OpenAi
            | ProviderKind::Anthropic
            | ProviderKind::Gemini
            | ProviderKind::Ollama => {
                let bare = ["/v1beta", "/v1"].iter().find_map(|end| base.strip_suffix(end));
                format!("{}{path}", bare.unwrap_or(base))
            }
        };
        let mut url = self.base.clone();
        url.set_path(&joined);
        url.set_query(query);
        url
    }

    async fn ask(
        &self,
        question: &Question<'_>,
        body: reqwest::Body,
        key: &Secret,
    ) -> Result<Response, Failure> {
        let mut request =
            Request::new(question.method.clone(), self.url(question.path, question.query));
        *request.headers_mut() = question.headers.clone();
        self.login.put_on(request.headers_mut(), key)?;
        if *question.method != Method::GET {
            *request.body_mut() = Some(body);
        }
        self.client.execute(request).await.map_err(|error| {
            let error = error.without_url();
            Failure::Unreachable { provider: self.name.clone(), why: chain(&error) }
        })
    }
}

/// Asks one provider after the other. `providers`: those that speak the
/// dialect, at least one.
pub(crate) async fn ask(
    providers: Vec<Arc<Provider>>,
    question: &Question<'_>,
    asked: &mut Asked,
    patience: &Patience,
) -> Outcome {
    let deadline = Instant::now() + patience.deadline;
    let mut attempts = 0;
    let mut last: Option<Outcome> = None;
    for (index, provider) in providers.iter().enumerate() {
        let more = index + 1 < providers.len() && asked.repeatable();
        let mut tries = Tries { patience, deadline, more };
        let answer = ask_one(provider, question, asked, &mut tries, &mut attempts).await;
        let failed = match &answer {
            Ok((response, _)) => is_trouble(response.status()),
            Err(_) => true,
        };
        // The words of a provider say more than that another was not there.
        let keep = answer.is_ok() || last.as_ref().is_none_or(|last| last.answer.is_err());
        if keep {
            last = Some(Outcome { provider: Arc::clone(provider), attempts, answer });
        }
        if !failed || !more {
            break;
        }
        tracing::info!(
            from = %provider.name,
            api = dialect::name(question.dialect),
            "a call goes to the next provider"
        );
    }
    let mut outcome = last.expect("there is at least one provider, and it was asked");
    outcome.attempts = attempts;
    outcome
}

struct Tries<'a> {
    patience: &'a Patience,
    deadline: Instant,
    /// There is another provider after this one.
    more: bool,
}

async fn ask_one(
    provider: &Provider,
    question: &Question<'_>,
    asked: &mut Asked,
    tries: &mut Tries<'_>,
    attempts: &mut u32,
) -> Result<(Response, Secret), Failure> {
    let mut refused = None;
    let mut count = 0;
    loop {
        let key = provider.login.key(refused).await?;
        let Some(body) = asked.body() else {
            let why = "the request was too long to be sent again".to_owned();
            return Err(Failure::Unreachable { provider: provider.name.clone(), why });
        };
        count += 1;
        *attempts += 1;
        let answer = provider.ask(question, body, &key.secret).await;
        if !asked.repeatable() {
            return answer.map(|response| (response, key.secret));
        }
        let wait = match &answer {
            Ok(response) if response.status() == StatusCode::UNAUTHORIZED => {
                if refused.is_none() && provider.login.renewable().await {
                    refused = Some(key.generation);
                    continue;
                }
                None
            }
            Ok(response) if is_trouble(response.status()) => tries.wait(response.headers(), count),
            Ok(_) | Err(Failure::Login(_)) => None,
            Err(Failure::Unreachable { .. }) => tries.wait(&HeaderMap::new(), count),
        };
        let Some(wait) = wait else { return answer.map(|response| (response, key.secret)) };
        tracing::debug!(provider = %provider.name, count, "a model is asked again");
        drop(answer);
        tokio::time::sleep(wait).await;
    }
}

/// Busy or broken: another try, or another provider, may do better.
fn is_trouble(status: StatusCode) -> bool {
    // 529 is Anthropic's "overloaded".
    matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504 | 529)
}

impl Tries<'_> {
    /// How long to wait before the next try; `None`: there is none.
    fn wait(&self, headers: &HeaderMap, count: u32) -> Option<Duration> {
        if count >= self.patience.tries || Instant::now() >= self.deadline || is_final(headers) {
            return None;
        }
        let step = self.patience.wait.saturating_mul(1 << count.clamp(1, 16).saturating_sub(1));
        let step = step.min(self.patience.longest_wait).mul_f64(0.5 + jitter() / 2.0);
        match retry_after(headers) {
            // Who is told to wait and has somewhere else to go, goes there.
            Some(_) if self.more => None,
            Some(asked) if asked > self.patience.longest_wait => None,
            Some(asked) => Some(asked.max(step)),
            None => Some(step),
        }
    }
}

/// The provider says that asking again is of no use: by the header that the
/// vendors' clients obey, or because a subscription's limit is reached, which
/// the agent shows with the time when it ends.
fn is_final(headers: &HeaderMap) -> bool {
    let says = |name: &str, word: &str| headers.get(name).is_some_and(|value| value == word);
    says("x-should-retry", "false") || says("anthropic-ratelimit-unified-status", "rejected")
}

/// In seconds, or milliseconds where OpenAI says so. The form with a date
/// would need the clocks of two machines to agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms")
        .map(|millis| millis / 1000.0)
        .or_else(|| number(header::RETRY_AFTER.as_str()))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// In `[0, 1)`. Without randomness from the system it is simply not random:
/// jitter is a courtesy, not a safeguard.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}
