//! A login in a browser that comes back to a port of ours on loopback.
//!
//! The port is open for one answer with our `state`, or until the deadline;
//! whatever else calls there (a favicon, a scan) gets 404 and changes nothing.

use super::{Application, Login, LoginError, Tokens, tokens};
use crate::http::Reach;
use oauth2::{AuthorizationCode, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl};
use pilot_proto::ForgeKind;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use url::Url;

/// A request line with a code and a state; the longest codes (JWTs) are 2 KiB.
const MAX_REQUEST: usize = 16 * 1024;
/// How long a browser may take to say what it wants, once it has called.
const PATIENCE: Duration = Duration::from_secs(10);

const DONE: &str = "You are logged in. This page can be closed.";
const REFUSED: &str = "The login was refused. This page can be closed.";

/// A login that waits for a browser to come back.
pub struct Browser {
    login: Login,
    listener: TcpListener,
    page: Url,
    state: CsrfToken,
    verifier: PkceCodeVerifier,
    redirect: RedirectUrl,
}

impl Browser {
    /// Opens the port. `port` is one that was registered at the forge; 0 is any,
    /// which Gitea and Forgejo take for `http://127.0.0.1/callback`.
    pub async fn begin(
        kind: ForgeKind,
        url: &str,
        application: &Application,
        port: u16,
        reach: &Reach,
    ) -> Result<Self, LoginError> {
        let login = Login::new(kind, url, application, reach)?;
        // The address and not `localhost`: that is what the forges compare.
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(LoginError::Port)?;
        let port = listener.local_addr().map_err(LoginError::Port)?.port();
        let redirect = RedirectUrl::new(format!("http://127.0.0.1:{port}/callback"));
        let redirect = redirect.map_err(|_| LoginError::NoSuchWay(kind))?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (page, state) = {
            let request = login.oauth.authorize_url(CsrfToken::new_random);
            let request = request.map_err(|_| LoginError::NoSuchWay(kind))?;
            request
                .add_scopes(login.scopes.iter().cloned())
                .set_pkce_challenge(challenge)
                .set_redirect_uri(std::borrow::Cow::Borrowed(&redirect))
                .url()
        };
        Ok(Self { login, listener, page, state, verifier, redirect })
    }

    /// The page to open.
    pub fn page(&self) -> &Url {
        &self.page
    }

    /// Waits for the browser, and turns what it brings into tokens.
    pub async fn wait(self, deadline: Duration) -> Result<Tokens, LoginError> {
        let code = timeout(deadline, self.code()).await.map_err(|_| LoginError::TimedOut)??;
        let exchange = |request| self.login.exchange(request);
        let request = self.login.oauth.exchange_code(AuthorizationCode::new(code));
        let answer = request
            .set_pkce_verifier(self.verifier)
            .set_redirect_uri(std::borrow::Cow::Borrowed(&self.redirect))
            .request_async(&exchange)
            .await;
        Ok(tokens(&answer.map_err(|error| self.login.failed(error))?))
    }

    async fn code(&self) -> Result<String, LoginError> {
        loop {
            let (mut stream, _) = self.listener.accept().await.map_err(LoginError::Port)?;
            let said = match timeout(PATIENCE, read(&mut stream)).await {
                Ok(Some(said)) => said,
                Ok(None) | Err(_) => continue,
            };
            if said.get("state") != Some(self.state.secret()) {
                answer(&mut stream, "404 Not Found", "There is nothing here.").await;
                continue;
            }
            if let Some(code) = said.get("code") {
                answer(&mut stream, "200 OK", DONE).await;
                return Ok(code.clone());
            }
            answer(&mut stream, "200 OK", REFUSED).await;
            let why = said.get("error_description").or_else(|| said.get("error"));
            return Err(LoginError::Refused(why.cloned().unwrap_or_default()));
        }
    }
}

/// The query of a `GET /callback`; none for anything else.
async fn read(stream: &mut TcpStream) -> Option<BTreeMap<String, String>> {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let size = stream.read(&mut part).await.ok()?;
        if size == 0 || request.len() + size > MAX_REQUEST {
            return None;
        }
        request.extend_from_slice(&part[..size]);
    }
    let request = String::from_utf8_lossy(&request);
    let target = request.strip_prefix("GET ")?.split(' ').next()?;
    let url = Url::parse("http://127.0.0.1").ok()?.join(target).ok()?;
    let pairs =
        if url.path() == "/callback" { url.query_pairs() } else { return Some(BTreeMap::new()) };
    Some(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
}

/// What a browser shows. That it does not take it is no failure of the login.
async fn answer(stream: &mut TcpStream, status: &str, text: &str) {
    let body = format!("<!doctype html><meta charset=utf-8><title>Pilothouse</title><p>{text}</p>");
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\n\
         content-length: {}\r\nconnection: close\r\ncache-control: no-store\r\n\
         referrer-policy: no-referrer\r\n\r\n",
        body.len()
    );
    let written = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let closed = stream.shutdown().await;
    if let Err(error) = written.and(closed) {
        tracing::debug!(%error, "the browser did not take our answer");
    }
}
