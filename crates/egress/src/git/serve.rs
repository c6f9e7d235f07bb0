//! One connection of git's inside the walls: requests for the project's own
//! repository pass, pushes that do more than they may are refused in words
//! that git shows.

use super::commands::{Commands, Reader, Unreadable};
use super::{Broker, Inner};
use crate::model::{Passing, chain};
use bytes::{Bytes, BytesMut};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use pilot_proto::network::{Door, NetworkDecision};
use std::convert::Infallible;
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::io::{AsyncRead, AsyncWrite};

/// git asks at once or hangs up.
const IDLE: Duration = Duration::from_secs(60);
/// git shows nothing of an answer that comes before it has sent its pack, so
/// even a push that is refused is read; but not for ever.
const MOST_DRAINED: u64 = 512 * 1024 * 1024;
/// Of a server's error.
const LONGEST_ERROR: usize = 16 * 1024;
/// What of an answer git has to know.
const PASSED: [HeaderName; 5] = [
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::PRAGMA,
];
const FETCH: &str = "git-upload-pack";
const PUSH: &str = "git-receive-pack";

type Reply = Response<UnsyncBoxBody<Bytes, reqwest::Error>>;

/// What is asked of the repository.
enum Asked<'a> {
    /// Its references, for fetching or pushing.
    Refs(&'a str),
    Fetch,
    Push,
    /// Of another whose address begins like ours, which git's `insteadOf`
    /// cannot tell apart: what follows our name.
    Other(&'a str),
}

impl Broker {
    /// Answers the requests of one connection until either side ends it.
    pub async fn serve<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let service =
            service_fn(|request| async { Ok::<_, Infallible>(self.inner.reply(request).await) });
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "git's connection to the broker broke");
        }
    }
}

impl Inner {
    async fn reply(&self, request: Request<Incoming>) -> Reply {
        let (parts, body) = request.into_parts();
        let Some(asked) = self.asked(&parts) else {
            let why = "only fetches and pushes of the project's own repository are brokered here";
            self.decide(&parts, false, why);
            return forbidden(why);
        };
        match asked {
            Asked::Refs(service) => {
                self.decide(&parts, true, "the project's own repository");
                self.answer(self.upstream.refs(service, &parts.headers).await).await
            }
            Asked::Fetch => {
                let size = body.size_hint().exact();
                let body = reqwest::Body::wrap(Passing::new(Bytes::new(), body, size));
                self.answer(self.upstream.call(FETCH, &parts.headers, body).await).await
            }
            Asked::Push => self.push(&parts, body).await,
            Asked::Other(rest) => {
                // The gate decides about it like about any other.
                let location = format!("{}{rest}", self.address.shown_bare());
                let mut reply = plain(StatusCode::TEMPORARY_REDIRECT, "");
                if let Ok(location) = HeaderValue::from_str(&location) {
                    reply.headers_mut().insert(header::LOCATION, location);
                }
                reply
            }
        }
    }

    fn asked<'a>(&self, parts: &'a Parts) -> Option<Asked<'a>> {
        let (secret, rest) = parts.uri.path().strip_prefix("/git/")?.split_once('/')?;
        if !bool::from(secret.as_bytes().ct_eq(self.secret.as_bytes())) {
            return None;
        }
        let rest = rest.strip_prefix(self.address.name())?;
        let query = parts.uri.query();
        let own = rest.strip_prefix(".git").filter(|rest| rest.starts_with('/')).unwrap_or(rest);
        match (&parts.method, own, query) {
            (&Method::GET, "/info/refs", Some("service=git-upload-pack")) => {
                Some(Asked::Refs(FETCH))
            }
            (&Method::GET, "/info/refs", Some("service=git-receive-pack")) => {
                Some(Asked::Refs(PUSH))
            }
            (&Method::POST, "/git-upload-pack", None) => Some(Asked::Fetch),
            (&Method::POST, "/git-receive-pack", None) => Some(Asked::Push),
            (&Method::GET, other, Some(_)) if !other.starts_with('/') => {
                let path = parts.uri.path_and_query()?.as_str();
                let from = path.len().checked_sub(rest.len() + 1 + query?.len())?;
                other.ends_with("/info/refs").then(|| Asked::Other(&path[from..]))
            }
            _ => None,
        }
    }

    /// Reads a push as far as its commands, and passes it on if they may be.
    async fn push(&self, parts: &Parts, mut body: Incoming) -> Reply {
        let size = body.size_hint().exact();
        let (first, commands) = match beginning(parts, &mut body).await {
            Ok(read) => read,
            Err(unreadable) => {
                let why = format!("the push was refused: {unreadable}");
                self.decide(parts, false, &why);
                drain(body).await;
                return forbidden(&why);
            }
        };
        // git asks once without commands, to see whether it may talk at length.
        if !commands.commands.is_empty() {
            let refused = commands.refused(&self.branch).or_else(|| (self.may_push)().err());
            if let Some(why) = refused {
                self.decide(parts, false, &why);
                drain(body).await;
                return report(&commands, &why);
            }
            self.decide(parts, true, "a push of the run's own branch");
        }
        let body = reqwest::Body::wrap(Passing::new(first, body, size));
        self.answer(self.upstream.call(PUSH, &parts.headers, body).await).await
    }

    /// Passes an answer on as it comes; an error in the server's own words.
    async fn answer(
        &self,
        answer: Result<reqwest::Response, super::upstream::Unreachable>,
    ) -> Reply {
        let response = match answer {
            Ok(response) => response,
            Err(error) => return plain(StatusCode::BAD_GATEWAY, &error.to_string()),
        };
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED {
            // Passed on, git would ask somebody inside for a password.
            return forbidden("the repository refuses the login of this run");
        }
        let response: Response<reqwest::Body> = response.into();
        let (parts, body) = response.into_parts();
        if !status.is_success() {
            let said = said(body).await;
            let said = self.upstream.without_login(&said);
            let words = format!("the repository's server answers {status}: {said}");
            let passed = if status.is_redirection() { StatusCode::BAD_GATEWAY } else { status };
            return plain(passed, words.trim_end_matches(": "));
        }
        let mut reply = Response::new(body.boxed_unsync());
        for name in PASSED {
            if let Some(value) = parts.headers.get(&name) {
                reply.headers_mut().insert(name, value.clone());
            }
        }
        reply
    }

    fn decide(&self, parts: &Parts, allowed: bool, because: &str) {
        let path = parts.uri.path();
        let path = path.replace(&format!("/git/{}", self.secret), "");
        (self.decided)(NetworkDecision {
            id: 0,
            host: self.address.host(),
            port: self.address.port(),
            door: Door::Git,
            method: Some(parts.method.to_string()),
            path: Some(path),
            process: None,
            allowed,
            because: because.to_owned(),
            count: 1,
        });
    }
}

/// The commands of a push, and the bytes that were read for them.
async fn beginning(parts: &Parts, body: &mut Incoming) -> Result<(Bytes, Commands), Unreadable> {
    let mut encodings = parts.headers.get_all(header::CONTENT_ENCODING).iter();
    let encoding = encodings.next().map(HeaderValue::to_str).transpose();
    let encoding = encoding.map_err(|_| Unreadable::Compression)?;
    if encodings.next().is_some() {
        return Err(Unreadable::Compression);
    }
    let mut reader = Reader::new(encoding)?;
    let mut first = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unreadable::Malformed)?.into_data() else { continue };
        first.extend_from_slice(&data);
        if let Some(commands) = reader.feed(&data)? {
            return Ok((first.freeze(), commands));
        }
    }
    Err(Unreadable::Malformed)
}

async fn drain(mut body: Incoming) {
    let mut drained = 0;
    while let Some(Ok(frame)) = body.frame().await {
        drained += frame.data_ref().map_or(0, |data| data.len() as u64);
        if drained > MOST_DRAINED {
            return;
        }
    }
}

/// The beginning of a server's error, on one line.
async fn said(mut body: reqwest::Body) -> String {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) => bytes.extend_from_slice(&data),
            Ok(Err(_)) => {}
            Err(error) => {
                tracing::debug!(error = %chain(&error.without_url()), "an error broke off");
                break;
            }
        }
        if bytes.len() >= LONGEST_ERROR {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    if text.trim_start().starts_with('<') {
        return "(a web page)".to_owned();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

fn report(commands: &Commands, why: &str) -> Reply {
    let mut reply = Response::new(whole(commands.report(why)));
    let kind = HeaderValue::from_static("application/x-git-receive-pack-result");
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}

fn forbidden(words: &str) -> Reply {
    plain(StatusCode::FORBIDDEN, words)
}

/// Text, which git shows after `remote:`.
fn plain(status: StatusCode, words: &str) -> Reply {
    let mut reply = Response::new(whole(format!("{words}\n").into_bytes()));
    *reply.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}

fn whole(bytes: Vec<u8>) -> UnsyncBoxBody<Bytes, reqwest::Error> {
    Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync()
}
