//! Logging in to a forge instead of making a token there by hand.
//!
//! Gitea, Forgejo and GitLab: in a browser, which comes back to a port of ours
//! on loopback ([`Browser`]; RFC 8252 with PKCE, RFC 7636). GitHub: by a code
//! that a person types in on any machine ([`Device`]; RFC 8628). A GitHub App
//! needs nobody: see [`app_token`]. What is got is renewed with [`renew`].
//!
//! Nothing is kept here: what a login gives is the caller's to put away.
//!
//! PKCE is sent and not relied upon: Gitea up to 1.25.3 and Forgejo 1.21 take
//! a wrong verifier on the first consent. What protects the way back is that it
//! ends on loopback, with a `state` that only we know.

mod app;
mod browser;
mod device;

pub use crate::github::PERMISSIONS;
pub use app::{Installation, app_jwt, app_token};
pub use browser::{Browser, WayBack};
pub use device::Device;

use crate::error::ForgeError;
use crate::http::{Reach, below, client, shown};
use crate::publish::forge_address;
use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::{
    AuthType, AuthUrl, ClientId, ClientSecret, DeviceAuthorizationUrl, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, RefreshToken, RequestTokenError, Scope,
    TokenResponse, TokenUrl, http,
};
use pilot_proto::{ForgeKind, Secret};
use reqwest::Client;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::pin::Pin;
use std::time::Duration;
use url::Url;

/// An answer of a login is a few kilobytes; GitLab's tokens are the longest.
const MAX_ANSWER: usize = 256 * 1024;

/// What we are to a forge: an application that somebody registered there.
#[derive(Debug, Clone)]
pub struct Application {
    /// Its public id.
    pub client_id: String,
    /// Its secret, if it is a confidential one. One that runs on people's
    /// machines has none.
    pub client_secret: Option<Secret>,
}

/// What a login gives.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// To ask the forge with ([`crate::Credential::Login`]).
    pub access: Secret,
    /// To [`renew`] it with; none: it does not end, or cannot be renewed.
    pub refresh: Option<Secret>,
    /// How long it is good for from now; none: the forge did not say.
    pub expires_in: Option<Duration>,
    /// What it may do; none: the forge did not say.
    pub scopes: Option<Vec<String>>,
}

/// Why a login came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The address is none, or the forge does not answer as one.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// This forge does not know this way.
    #[error("a {0} has no such login")]
    NoSuchWay(ForgeKind),
    /// No port of ours could be opened for the browser to come back to.
    #[error("the port {port} on 127.0.0.1 cannot be opened: {source}")]
    Port {
        /// Which; 0 is any.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// What was brought is not the address that the browser was sent to.
    #[error("that is not the address where this login ends: {0}")]
    NotTheWayBack(&'static str),
    /// Nobody came back in time.
    #[error("nobody answered in the browser in time")]
    TimedOut,
    /// Nobody typed in the code in time.
    #[error("the code was not typed in before it expired")]
    CodeExpired,
    /// A person said no.
    #[error("somebody refused it at the forge")]
    Denied,
    /// The forge knows no such application.
    #[error("the forge knows no application with that client id: it says `{0}`")]
    NoSuchApplication(String),
    /// The forge said no.
    #[error("the forge refused the login: it says `{0}`")]
    Refused(String),
    /// It answered something else.
    #[error("the forge at `{forge}` answered something strange: {why}")]
    Strange {
        /// The forge.
        forge: String,
        /// What.
        why: String,
    },
    /// The key of a GitHub App is none.
    #[error("the private key of the GitHub App cannot be used: {0}")]
    Key(&'static str),
}

/// Where the parts of a login are, and what is asked for.
struct Endpoints {
    authorize: Option<Url>,
    device: Option<Url>,
    token: Url,
}

/// The scopes that a login asks for, and a token needs.
pub fn scopes(kind: ForgeKind) -> &'static [&'static str] {
    match kind {
        ForgeKind::Gitea | ForgeKind::Forgejo => crate::gitea::SCOPES,
        ForgeKind::GitHub => crate::github::SCOPES,
        ForgeKind::GitLab => crate::gitlab::SCOPES,
    }
}

fn endpoints(kind: ForgeKind, forge: &Url) -> Endpoints {
    let at = |path: &[&str]| below(forge, path);
    match kind {
        ForgeKind::Gitea | ForgeKind::Forgejo => Endpoints {
            authorize: Some(at(&["login", "oauth", "authorize"])),
            device: None,
            token: at(&["login", "oauth", "access_token"]),
        },
        ForgeKind::GitHub => Endpoints {
            authorize: None,
            device: Some(at(&["login", "device", "code"])),
            token: at(&["login", "oauth", "access_token"]),
        },
        ForgeKind::GitLab => Endpoints {
            authorize: Some(at(&["oauth", "authorize"])),
            device: Some(at(&["oauth", "authorize_device"])),
            token: at(&["oauth", "token"]),
        },
    }
}

/// An answer on its way.
type Exchange = Pin<Box<dyn Future<Output = Result<HttpResponse, ExchangeError>> + Send>>;

type Oauth =
    BasicClient<EndpointMaybeSet, EndpointMaybeSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// A forge's login, and the way there.
struct Login {
    forge: Url,
    oauth: Oauth,
    scopes: Vec<Scope>,
    http: Client,
    reach: Reach,
}

impl Login {
    fn new(
        kind: ForgeKind,
        url: &str,
        application: &Application,
        reach: &Reach,
    ) -> Result<Self, LoginError> {
        let forge = forge_address(url)?;
        let endpoints = endpoints(kind, &forge);
        let http = client(&forge, HeaderMap::new(), reach)
            .map_err(|why| ForgeError::Address { url: shown(&forge), why })?;
        let mut oauth = BasicClient::new(ClientId::new(application.client_id.clone()))
            // Every one of the forges takes the secret there.
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri_option(endpoints.authorize.map(AuthUrl::from_url))
            .set_device_authorization_url_option(
                endpoints.device.map(DeviceAuthorizationUrl::from_url),
            )
            .set_token_uri(TokenUrl::from_url(endpoints.token));
        if let Some(secret) = &application.client_secret {
            oauth = oauth.set_client_secret(ClientSecret::new(secret.expose().to_owned()));
        }
        let scopes = scopes(kind).iter().map(|scope| Scope::new((*scope).to_owned())).collect();
        Ok(Self { forge, oauth, scopes, http, reach: reach.clone() })
    }

    /// What makes the requests of the `oauth2` crate. It owns what it needs: a
    /// future that borrowed it could not be proven to be `Send`.
    fn exchange(&self) -> impl Fn(HttpRequest) -> Exchange + Send + Sync + 'static {
        let http = self.http.clone();
        move |request| Box::pin(exchange(http.clone(), request))
    }

    fn failed<T: oauth2::ErrorResponse + ToString>(
        &self,
        error: RequestTokenError<ExchangeError, T>,
    ) -> LoginError {
        let strange = |why: String| LoginError::Strange { forge: shown(&self.forge), why };
        match error {
            RequestTokenError::ServerResponse(said) => refused(said.to_string()),
            RequestTokenError::Request(ExchangeError::Http(source)) => {
                self.reach.unreachable(&self.forge, "logging in", source).into()
            }
            RequestTokenError::Request(ExchangeError::TooLong) => {
                strange(format!("it sends over {MAX_ANSWER} bytes"))
            }
            // The text may hold what was sent, a token for instance.
            RequestTokenError::Parse(..) => strange("its answer cannot be read".to_owned()),
            RequestTokenError::Other(_) => LoginError::TimedOut,
        }
    }
}

/// One request, as the `oauth2` crate makes it.
async fn exchange(http: Client, request: HttpRequest) -> Result<HttpResponse, ExchangeError> {
    let request = reqwest::Request::try_from(request)?;
    let mut response = http.execute(request).await?;
    let mut status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(ExchangeError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    // GitHub says 200 to a request that it refuses.
    let says_no =
        || serde_json::from_slice::<Value>(&body).is_ok_and(|body| body["error"].is_string());
    if status.is_success() && says_no() {
        status = http::StatusCode::BAD_REQUEST;
    }
    let mut answer = HttpResponse::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
}

/// What a refusal means: its first word is for programs (RFC 6749, 4.1.2.1 and
/// 5.2; RFC 8628, 3.5), but for GitHub's.
fn refused(said: String) -> LoginError {
    let word = said.split(':').next().unwrap_or_default().trim();
    match word {
        "access_denied" => LoginError::Denied,
        "expired_token" => LoginError::CodeExpired,
        "invalid_client" | "incorrect_client_credentials" | "Not Found" => {
            LoginError::NoSuchApplication(said)
        }
        _ => LoginError::Refused(said),
    }
}

/// A request did not come through.
#[derive(Debug, thiserror::Error)]
enum ExchangeError {
    #[error("the request failed")]
    Http(#[from] reqwest::Error),
    #[error("the answer is too long")]
    TooLong,
}

fn tokens(answer: &BasicTokenResponse) -> Tokens {
    Tokens {
        access: Secret::new(answer.access_token().secret().as_str()),
        refresh: answer.refresh_token().map(|token| Secret::new(token.secret().as_str())),
        expires_in: answer.expires_in(),
        scopes: answer.scopes().map(|all| all.iter().map(|one| one.to_string()).collect()),
    }
}

/// Renews what a login gave. The old refresh token is good no more on most
/// forges: the new one is kept before anything else is done with it.
pub async fn renew(
    kind: ForgeKind,
    url: &str,
    application: &Application,
    refresh: &Secret,
    reach: &Reach,
) -> Result<Tokens, LoginError> {
    let login = Login::new(kind, url, application, reach)?;
    let refresh = RefreshToken::new(refresh.expose().to_owned());
    let exchange = login.exchange();
    let answer = login.oauth.exchange_refresh_token(&refresh).request_async(&exchange).await;
    Ok(tokens(&answer.map_err(|error| login.failed(error))?))
}
