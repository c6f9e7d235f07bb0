//! From the broker to the repository, and nowhere else.

use super::BrokerError;
use super::address::Address;
use crate::model::{chain, is_loopback, secret_value, tls};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};
use pilot_proto::Secret;
use pilot_proto::project::GitGrant;
use reqwest::redirect::Policy;
use reqwest::{Client, Proxy, Request, Response, Url};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A forge under load takes seconds to answer a dial.
const CONNECT: Duration = Duration::from_secs(15);
/// A server may pack or check a large push for minutes without a word.
const SILENCE: Duration = Duration::from_secs(10 * 60);
/// A repository is renamed once or twice in its life.
const MOST_MOVES: usize = 3;
/// What of a request the server has to know: git's own headers and no others.
const PASSED: [header::HeaderName; 5] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    header::USER_AGENT,
];

/// The repository, with its login.
pub(crate) struct Upstream {
    client: Client,
    /// Where it is now: a server may say that it has moved.
    base: Mutex<Url>,
    login: Mutex<Login>,
}

/// What goes along with every request.
#[derive(Clone, Default)]
struct Login {
    authorization: Option<HeaderValue>,
    password: Secret,
}

impl Login {
    fn of(grant: &GitGrant) -> Result<Self, BrokerError> {
        let password = grant.password.expose().trim();
        if password.is_empty() {
            return Ok(Self::default());
        }
        let login = STANDARD.encode(format!("{}:{password}", grant.username));
        let authorization = secret_value(&format!("Basic {login}"));
        let Some(authorization) = authorization else {
            let why = "its login has characters that no login has".to_owned();
            return Err(BrokerError::Address { why });
        };
        Ok(Self { authorization: Some(authorization), password: Secret::new(password) })
    }
}

/// The repository did not answer. Holds no login.
#[derive(Debug, thiserror::Error)]
#[error("the project's repository cannot be reached: {0}")]
pub(crate) struct Unreachable(String);

impl Upstream {
    pub(crate) fn new(address: &Address, grant: Option<&GitGrant>) -> Result<Self, BrokerError> {
        let bad = |why: String| BrokerError::Address { why };
        let url = address.url().clone();
        let authorities = grant.and_then(|grant| grant.authorities.as_deref());
        let mut client = Client::builder()
            .tls_backend_preconfigured(tls(url.scheme() == "https", authorities).map_err(bad)?)
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .tcp_nodelay(true)
            .redirect(Policy::none());
        match grant.and_then(|grant| grant.proxy.as_deref()) {
            Some(proxy) => {
                let proxy = Proxy::all(proxy).map_err(|error| bad(chain(&error)))?;
                client = client.proxy(proxy);
            }
            None if is_loopback(&url) => client = client.no_proxy(),
            None => {}
        }
        let client = client.build().map_err(|error| bad(chain(&error)))?;
        let login = grant.map(Login::of).transpose()?.unwrap_or_default();
        Ok(Self { client, base: Mutex::new(url), login: Mutex::new(login) })
    }

    /// Logs in with this from now on.
    pub(crate) fn renew(&self, grant: &GitGrant) -> Result<(), BrokerError> {
        let login = Login::of(grant)?;
        *self.login.lock().unwrap_or_else(PoisonError::into_inner) = login;
        Ok(())
    }

    fn login(&self) -> Login {
        self.login.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `GET …/info/refs`. Goes along when the repository has moved on the same
    /// server, and remembers where to.
    pub(crate) async fn refs(
        &self,
        service: &str,
        headers: &HeaderMap,
    ) -> Result<Response, Unreachable> {
        let mut moves = 0;
        loop {
            let mut url = self.url("info/refs");
            url.set_query(Some(&format!("service={service}")));
            let response = self.send(Method::GET, url.clone(), headers, None).await?;
            let Some(base) = moved(&url, &response) else { return Ok(response) };
            moves += 1;
            if moves > MOST_MOVES {
                return Ok(response);
            }
            *self.base.lock().unwrap_or_else(PoisonError::into_inner) = base;
        }
    }

    /// `POST …/git-upload-pack` or `…/git-receive-pack`.
    pub(crate) async fn call(
        &self,
        service: &str,
        headers: &HeaderMap,
        body: reqwest::Body,
    ) -> Result<Response, Unreachable> {
        self.send(Method::POST, self.url(service), headers, Some(body)).await
    }

    /// A text of the server's without the login that it may repeat.
    pub(crate) fn without_login(&self, text: &str) -> String {
        let login = self.login();
        let password = login.password.expose();
        if password.is_empty() { text.to_owned() } else { text.replace(password, "<redacted>") }
    }

    fn url(&self, rest: &str) -> Url {
        let mut url = self.base.lock().unwrap_or_else(PoisonError::into_inner).clone();
        url.set_path(&format!("{}/{rest}", url.path()));
        url
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        headers: &HeaderMap,
        body: Option<reqwest::Body>,
    ) -> Result<Response, Unreachable> {
        let mut request = Request::new(method, url);
        let passed = request.headers_mut();
        for name in PASSED.iter().chain([&header::HeaderName::from_static("git-protocol")]) {
            if let Some(value) = headers.get(name) {
                passed.insert(name, value.clone());
            }
        }
        if let Some(authorization) = self.login().authorization {
            passed.insert(header::AUTHORIZATION, authorization);
        }
        *request.body_mut() = body;
        let sent = self.client.execute(request).await;
        sent.map_err(|error| Unreachable(chain(&error.without_url())))
    }
}

/// Where the repository is now, if that is on the same server.
fn moved(asked: &Url, response: &Response) -> Option<Url> {
    let status = response.status();
    let moves = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !moves.contains(&status) {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    let mut url = asked.join(location).ok().filter(|url| url.origin() == asked.origin())?;
    let base = url.path().strip_suffix("/info/refs")?.to_owned();
    url.set_path(&base);
    url.set_query(None);
    Some(url)
}
