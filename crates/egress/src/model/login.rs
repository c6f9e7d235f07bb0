//! The real key of a provider: put on outside the walls, renewed in time.
//!
//! A token is renewed by RFC 6749 §6 before it ends, and once when it is
//! refused. However many calls need that at the same time, the token endpoint
//! is asked once, in a task of its own: a provider may take the old refresh
//! token away with its answer, so nobody who hangs up may lose it.

use super::headers::secret_value;
use super::{News, Owner};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use pilot_proto::model::LOGIN_ENDED;
use pilot_proto::project::{OauthLogin, ProviderGrant, ProviderKind, ProviderLogin};
use pilot_proto::{Secret, Timestamp};
use reqwest::Client;
use serde::Deserialize;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// A call's login is checked when it begins, so this only has to cover the
/// way there and clocks that differ.
const AHEAD: Duration = Duration::from_secs(60);
/// Longer than a slow token endpoint takes, shorter than an agent's patience.
const RENEWAL: Duration = Duration::from_secs(30);
/// A token answer has one or two kilobytes.
const LONGEST_ANSWER: usize = 64 * 1024;
/// Anthropic takes the tokens of a subscription only with this in
/// `anthropic-beta`; an agent that believes in an API key does not send it.
const ANTHROPIC_OAUTH: &str = "oauth-2025-04-20";

/// Why a login could not be renewed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LoginError {
    #[error(
        "the login at `{provider}` {LOGIN_ENDED}: the provider says `{said}`. \
         Log in again and start another run"
    )]
    Ended { provider: String, said: String },
    #[error("the login at `{provider}` could not be renewed just now: {why}")]
    NotNow { provider: String, why: String },
    #[error("the key for `{provider}` has characters that no key has")]
    Key { provider: String },
}

/// How one provider is logged in to.
pub(crate) struct Login {
    provider: String,
    kind: ProviderKind,
    shown: ProviderLogin,
    client: Client,
    owner: Owner,
    state: tokio::sync::Mutex<State>,
    renewals: Mutex<JoinSet<()>>,
}

struct State {
    key: Secret,
    oauth: Option<OauthLogin>,
    /// Counts the keys there were.
    generation: u64,
    /// Renew this long before the end.
    ahead: Duration,
    /// The refresh token was refused: asking again cannot help.
    ended: Option<LoginError>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// A key, and which one it is.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) secret: Secret,
    pub(crate) generation: u64,
}

impl Login {
    pub(crate) fn new(grant: &ProviderGrant, client: Client, owner: Owner) -> Arc<Self> {
        let state = State {
            // Pasted keys bring line ends along.
            key: Secret::new(grant.key.expose().trim()),
            oauth: grant.oauth.clone(),
            generation: 0,
            ahead: AHEAD,
            ended: None,
        };
        let shown = if grant.oauth.is_some() { ProviderLogin::Bearer } else { grant.login };
        Arc::new(Self {
            provider: grant.name.clone(),
            kind: grant.kind,
            shown,
            client,
            owner,
            state: tokio::sync::Mutex::new(state),
            renewals: Mutex::new(JoinSet::new()),
        })
    }

    /// The key to show. `refused`: the generation that the provider refused.
    pub(crate) async fn key(self: &Arc<Self>, refused: Option<u64>) -> Result<Key, LoginError> {
        {
            let state = self.state.lock().await;
            if !state.needs_renewal((self.owner.clock)(), refused) {
                return Ok(state.key());
            }
        }
        let (answer, answered) = oneshot::channel();
        let login = Arc::clone(self);
        {
            let mut renewals = self.renewals.lock().unwrap_or_else(PoisonError::into_inner);
            while renewals.try_join_next().is_some() {}
            renewals.spawn(async move {
                if answer.send(login.renew(refused).await).is_err() {
                    tracing::debug!("a renewed login was not waited for");
                }
            });
        }
        answered.await.unwrap_or_else(|_| Err(self.not_now("the run is ending")))
    }

    /// True if a refusal may be cured by a renewal.
    pub(crate) async fn renewable(&self) -> bool {
        self.state.lock().await.oauth.is_some()
    }

    /// Waits for renewals under way, each of which has a deadline.
    pub(crate) async fn finish(&self) {
        let renewals = {
            let mut renewals = self.renewals.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *renewals)
        };
        renewals.join_all().await;
    }

    /// Puts the key on a request.
    pub(crate) fn put_on(&self, headers: &mut HeaderMap, key: &Secret) -> Result<(), LoginError> {
        if key.is_empty() {
            return Ok(());
        }
        let key = key.expose();
        let name = match (self.shown, self.kind) {
            (ProviderLogin::Key, ProviderKind::Anthropic) => HeaderName::from_static("x-api-key"),
            (ProviderLogin::Key, ProviderKind::Gemini) => HeaderName::from_static("x-goog-api-key"),
            (ProviderLogin::Key, ProviderKind::OpenAi | ProviderKind::Ollama)
            | (ProviderLogin::Bearer, _) => header::AUTHORIZATION,
        };
        let value = if name == header::AUTHORIZATION {
            secret_value(&format!("Bearer {key}"))
        } else {
            secret_value(key)
        };
        let value = value.ok_or_else(|| LoginError::Key { provider: self.provider.clone() })?;
        headers.insert(name, value);
        if self.kind == ProviderKind::Anthropic && key.starts_with("sk-ant-oat") {
            add_beta(headers);
        }
        Ok(())
    }

    async fn renew(&self, refused: Option<u64>) -> Result<Key, LoginError> {
        let mut state = self.state.lock().await;
        let now = (self.owner.clock)();
        // Somebody else may have done it while we waited.
        if !state.needs_renewal(now, refused) {
            return Ok(state.key());
        }
        if let Some(ended) = &state.ended {
            return Err(ended.clone());
        }
        let Some(oauth) = state.oauth.clone() else { return Ok(state.key()) };
        match self.ask(&oauth).await {
            Ok(renewed) => {
                let oauth = state.take(renewed, oauth, now);
                (self.owner.news)(News::Renewed {
                    provider: self.provider.clone(),
                    key: state.key.clone(),
                    oauth,
                });
                tracing::info!(provider = %self.provider, "a login was renewed");
                Ok(state.key())
            }
            // Not yet ended, not refused: it will do for this call.
            Err(error) if refused != Some(state.generation) && !state.is_over(now) => {
                tracing::warn!(provider = %self.provider, %error, "a login was not renewed yet");
                Ok(state.key())
            }
            Err(error) => {
                if matches!(error, LoginError::Ended { .. }) {
                    state.ended = Some(error.clone());
                }
                Err(error)
            }
        }
    }

    async fn ask(&self, oauth: &OauthLogin) -> Result<Renewed, LoginError> {
        tokio::time::timeout(RENEWAL, self.ask_patiently(oauth)).await.unwrap_or_else(|_| {
            Err(self.not_now(&format!("no answer within {} seconds", RENEWAL.as_secs())))
        })
    }

    async fn ask_patiently(&self, oauth: &OauthLogin) -> Result<Renewed, LoginError> {
        let mut response = self
            .client
            .post(&oauth.token_url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(form(oauth))
            .send()
            .await
            .map_err(|error| self.not_now(&chain(&error.without_url())))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| self.not_now(&chain(&error.without_url())))?
        {
            body.extend_from_slice(&chunk);
            if body.len() > LONGEST_ANSWER {
                return Err(self.not_now("its answer has no end"));
            }
        }
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map_err(|_| self.not_now("its answer is not a token answer"));
        }
        // Only the code: descriptions have been seen to repeat the token.
        let said = serde_json::from_slice::<Refusal>(&body)
            .map(|refusal| plain(&refusal.error))
            .unwrap_or_default();
        let said = if said.is_empty() { status.as_str().to_owned() } else { said };
        if matches!(status.as_u16(), 400 | 401 | 403) {
            return Err(LoginError::Ended { provider: self.provider.clone(), said });
        }
        Err(self.not_now(&format!("the provider says `{said}`")))
    }

    fn not_now(&self, why: &str) -> LoginError {
        LoginError::NotNow { provider: self.provider.clone(), why: why.to_owned() }
    }
}

impl State {
    fn key(&self) -> Key {
        Key { secret: self.key.clone(), generation: self.generation }
    }

    fn needs_renewal(&self, now: Timestamp, refused: Option<u64>) -> bool {
        let Some(oauth) = &self.oauth else { return false };
        let ends = oauth.expires_at.is_some_and(|end| now.after(self.ahead) >= end);
        ends || self.key.is_empty() || refused == Some(self.generation)
    }

    fn is_over(&self, now: Timestamp) -> bool {
        let end = self.oauth.as_ref().and_then(|oauth| oauth.expires_at);
        self.key.is_empty() || end.is_some_and(|end| now >= end)
    }

    fn take(&mut self, renewed: Renewed, mut oauth: OauthLogin, now: Timestamp) -> OauthLogin {
        if let Some(token) = renewed.refresh_token.filter(|token| !token.is_empty()) {
            oauth.refresh_token = token;
        }
        let lasts = renewed.expires_in.map(Duration::from_secs);
        oauth.expires_at = lasts.map(|lasts| now.after(lasts));
        // A token that lasts a minute would otherwise be renewed at each call.
        self.ahead = lasts.map_or(AHEAD, |lasts| AHEAD.min(lasts / 2));
        self.key = renewed.access_token;
        self.generation += 1;
        self.oauth = Some(oauth.clone());
        oauth
    }
}

/// RFC 6749 §5.1.
#[derive(Deserialize)]
struct Renewed {
    access_token: Secret,
    #[serde(default)]
    refresh_token: Option<Secret>,
    #[serde(default)]
    expires_in: Option<u64>,
}

/// RFC 6749 §5.2.
#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    error: String,
}

/// RFC 6749 §6, for a client without a secret.
fn form(oauth: &OauthLogin) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", oauth.refresh_token.expose());
    if !oauth.client_id.is_empty() {
        form.append_pair("client_id", &oauth.client_id);
    }
    form.finish()
}

/// An error code, with nothing in it that could be anything else.
fn plain(code: &str) -> String {
    let letter = |letter: &char| letter.is_ascii_lowercase() || *letter == '_';
    code.chars().take_while(letter).take(64).collect()
}

fn add_beta(headers: &mut HeaderMap) {
    let name = HeaderName::from_static("anthropic-beta");
    let mut betas: Vec<String> = headers
        .get_all(&name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(str::to_owned)
        .collect();
    if !betas.iter().any(|beta| beta.contains(ANTHROPIC_OAUTH)) {
        betas.push(ANTHROPIC_OAUTH.to_owned());
    }
    if let Ok(value) = HeaderValue::from_str(&betas.join(",")) {
        headers.insert(name, value);
    }
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
