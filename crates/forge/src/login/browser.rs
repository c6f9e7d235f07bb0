//! A login in a browser that comes back to a port of ours on loopback.
//!
//! The port is open for one answer with our `state`, or until the deadline;
//! whatever else calls there (a favicon, a scan) gets 404 and changes nothing.

use super::{Application, Login, LoginError, Tokens, refused, tokens};
use crate::http::Reach;
use oauth2::{AuthorizationCode, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl};
use pilot_proto::{ForgeKind, Secret};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
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
    brought: (mpsc::Sender<Outcome>, mpsc::Receiver<Outcome>),
}

/// What the forge told the browser: a code, or why there is none.
type Outcome = Result<String, LoginError>;

/// The way back for a browser on another machine: a person copies the address
/// that it could not open.
#[derive(Clone)]
pub struct WayBack {
    redirect: Url,
    state: String,
    brought: mpsc::Sender<Outcome>,
}

impl WayBack {
    /// Goes where the browser could not.
    pub fn bring(&self, address: &Secret) -> Result<(), LoginError> {
        let wrong = LoginError::NotTheWayBack;
        let given = Url::parse(address.expose().trim()).map_err(|_| wrong("it is no address"))?;
        if given.origin() != self.redirect.origin() || given.path() != self.redirect.path() {
            return Err(wrong("it leads elsewhere"));
        }
        let outcome = outcome(&pairs(&given), &self.state);
        let outcome = outcome.ok_or_else(|| wrong("it is of another login"))?;
        self.brought.try_send(outcome).map_err(|_| wrong("nobody waits there any more"))
    }
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
        let listener = TcpListener::bind(("127.0.0.1", port)).await;
        let taken = |source| LoginError::Port { port, source };
        let listener = listener.map_err(taken)?;
        let port = listener.local_addr().map_err(taken)?.port();
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
        let brought = mpsc::channel(1);
        Ok(Self { login, listener, page, state, verifier, redirect, brought })
    }

    /// The page to open.
    pub fn page(&self) -> &Url {
        &self.page
    }

    /// For a browser on another machine.
    pub fn way_back(&self) -> WayBack {
        let (redirect, state) = (self.redirect.url().clone(), self.state.secret().clone());
        WayBack { redirect, state, brought: self.brought.0.clone() }
    }

    /// Waits for the browser, and turns what it brings into tokens.
    pub async fn wait(mut self, deadline: Duration) -> Result<Tokens, LoginError> {
        let code = timeout(deadline, self.code()).await.map_err(|_| LoginError::TimedOut)??;
        let exchange = self.login.exchange();
        let request = self.login.oauth.exchange_code(AuthorizationCode::new(code));
        let answer = request
            .set_pkce_verifier(self.verifier)
            .set_redirect_uri(std::borrow::Cow::Borrowed(&self.redirect))
            .request_async(&exchange)
            .await;
        Ok(tokens(&answer.map_err(|error| self.login.failed(error))?))
    }

    async fn code(&mut self) -> Outcome {
        loop {
            let accepted = tokio::select! {
                Some(brought) = self.brought.1.recv() => return brought,
                accepted = self.listener.accept() => accepted,
            };
            let (mut stream, _) =
                accepted.map_err(|source| LoginError::Port { port: 0, source })?;
            let said = match timeout(PATIENCE, read(&mut stream)).await {
                Ok(Some(said)) => said,
                Ok(None) | Err(_) => continue,
            };
            let Some(outcome) = outcome(&said, self.state.secret()) else {
                answer(&mut stream, "404 Not Found", "There is nothing here.").await;
                continue;
            };
            let text = if outcome.is_ok() { DONE } else { REFUSED };
            answer(&mut stream, "200 OK", text).await;
            return outcome;
        }
    }
}

/// What came back; none if it is not of this login.
fn outcome(said: &BTreeMap<String, String>, state: &str) -> Option<Outcome> {
    if said.get("state").map(String::as_str) != Some(state) {
        return None;
    }
    let word = said.get("error").cloned().unwrap_or_default();
    Some(match (said.get("code"), said.get("error_description")) {
        (Some(code), _) => Ok(code.clone()),
        (None, Some(why)) => Err(refused(format!("{word}: {why}"))),
        (None, None) => Err(refused(word)),
    })
}

fn pairs(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
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
    Some(if url.path() == "/callback" { pairs(&url) } else { BTreeMap::new() })
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
