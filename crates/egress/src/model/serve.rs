//! One connection of an agent: requests in, answers out.

use super::answer::{Answer, BrokenOff};
use super::asked::Asked;
use super::call::Call;
use super::dialect::{self, Route};
use super::headers;
use super::login::LoginError;
use super::meter::Form;
use super::upstream::{self, Failure, Outcome, Provider, Question};
use super::{Gateway, Inner};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use pilot_proto::Secret;
use pilot_proto::model::{Dialect, KEY_REFUSED, ModelCall};
use pilot_proto::run::Usage;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// An agent's idle connection is kept this long for its next request: longer
/// than agents think or run tools for between two calls as a rule.
const IDLE: Duration = Duration::from_secs(15 * 60);
/// An error has a few hundred bytes; of what is longer the beginning will do.
const LONGEST_ERROR: usize = 64 * 1024;

type Reply = Response<UnsyncBoxBody<Bytes, BrokenOff>>;

/// An answer of ours instead of a provider's.
struct Refusal {
    dialect: Dialect,
    status: StatusCode,
    code: &'static str,
    words: String,
}

impl Gateway {
    /// Answers the requests of one connection until either side ends it. An
    /// agent that hangs up cancels what it has asked for.
    pub async fn serve<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let service = service_fn(|request| async {
            Ok::<_, Infallible>(self.inner.reply(request).await.unwrap_or_else(reply))
        });
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(error) = served {
            // Its causes are about the connection, never about a header.
            tracing::debug!(%error, "an agent's connection to the gateway broke");
        }
    }
}

impl Inner {
    async fn reply(&self, request: Request<Incoming>) -> Result<Reply, Refusal> {
        let began = Instant::now();
        let (mut parts, body) = request.into_parts();
        let route = self.let_in(&parts)?;
        let Route { dialect, paid } = route;
        let providers = self.speaking(dialect)?;
        let mut asked = Asked::read(body, &self.room).await.map_err(|_| Refusal {
            dialect,
            status: StatusCode::BAD_REQUEST,
            code: "incomplete",
            words: "The request broke off.".to_owned(),
        })?;
        let mut call = if paid { Some(self.begin(dialect, &parts, &asked, began)?) } else { None };
        let query = headers::query(parts.uri.query());
        let passed = headers::request(std::mem::take(&mut parts.headers), &self.key);
        let question = Question {
            dialect,
            method: &parts.method,
            path: parts.uri.path(),
            query: query.as_deref(),
            headers: &passed,
        };
        let outcome = upstream::ask(providers, &question, &mut asked, &self.patience).await;
        // Nothing is sent again from here on.
        drop(asked);
        let Outcome { provider, attempts, answer } = outcome;
        if let Some(call) = &mut call {
            call.asked(&provider.name, attempts);
        }
        match answer {
            Ok((response, key)) => Ok(pass_on(response, dialect, call, &provider, &key).await),
            Err(failure) => Err(unanswered(dialect, &failure, call)),
        }
    }

    /// Whether this is a call of this run's agent, and which one.
    fn let_in(&self, parts: &Parts) -> Result<Route, Refusal> {
        let path = parts.uri.path();
        let anthropic = parts.headers.contains_key("anthropic-version");
        let route = dialect::route(&parts.method, path, anthropic);
        let dialect = route.map_or(Dialect::Unknown, |route| route.dialect);
        let refuse = |status, code, words: String| Err(Refusal { dialect, status, code, words });
        if !headers::shows_key(&parts.headers, parts.uri.query(), &self.key) {
            let words = "This is the model gateway of a run, and only that run's key opens it.";
            return refuse(StatusCode::UNAUTHORIZED, "invalid_api_key", words.to_owned());
        }
        if parts.headers.get(header::UPGRADE).is_some() {
            // Codex tries this first, and takes the answer as "use HTTP".
            let words = "The model gateway speaks HTTP/1.1 only.".to_owned();
            return refuse(StatusCode::UPGRADE_REQUIRED, "upgrade", words);
        }
        let Some(route) = route else {
            let words = format!("The model gateway has no `{} {path}`.", parts.method);
            return refuse(StatusCode::NOT_FOUND, "unknown_path", words);
        };
        // The lists of models share a path: who is there decides.
        if path.starts_with("/v1/models") && self.speaking(route.dialect).is_err() {
            let others = [Dialect::Anthropic, Dialect::Chat];
            let other = others.into_iter().find(|dialect| self.speaking(*dialect).is_ok());
            return Ok(Route { dialect: other.unwrap_or(route.dialect), ..route });
        }
        Ok(route)
    }

    fn speaking(&self, dialect: Dialect) -> Result<Vec<Arc<Provider>>, Refusal> {
        let speaks = |provider: &&Arc<Provider>| dialect::speaks(provider.kind, dialect);
        let providers: Vec<_> = self.providers.iter().filter(speaks).cloned().collect();
        if providers.is_empty() {
            let name = dialect::name(dialect);
            let words = format!("This run was given no provider that speaks {name}.");
            let status = StatusCode::NOT_FOUND;
            return Err(Refusal { dialect, status, code: "no_provider", words });
        }
        Ok(providers)
    }

    /// Opens a tab for a call, or refuses it for want of money.
    fn begin(
        &self,
        dialect: Dialect,
        parts: &Parts,
        asked: &Asked,
        began: Instant,
    ) -> Result<Call, Refusal> {
        let model = match dialect {
            Dialect::Gemini => dialect::model_in_path(parts.uri.path()).map(str::to_owned),
            Dialect::Anthropic
            | Dialect::Responses
            | Dialect::Chat
            | Dialect::Ollama
            | Dialect::Unknown => asked.model(),
        };
        let model = model.unwrap_or_else(|| "unknown".to_owned());
        match self.books.purse.open() {
            Ok(tab) => {
                let books = Arc::clone(&self.books);
                Ok(Call::begin(books, tab, dialect, model, asked.size(), began))
            }
            Err(used_up) => {
                let words = self.books.used_up(used_up);
                let status = StatusCode::BAD_REQUEST;
                self.books.tell(ModelCall {
                    provider: String::new(),
                    dialect,
                    model,
                    status: status.as_u16(),
                    usage: Usage::default(),
                    first_ms: 0,
                    total_ms: 0,
                    attempts: 0,
                    problem: Some("the budget is used up".to_owned()),
                });
                Err(Refusal { dialect, status, code: super::BUDGET_CODE, words })
            }
        }
    }
}

/// Passes an answer on: a good one as it comes, a bad one without the key that
/// it may repeat.
async fn pass_on(
    response: reqwest::Response,
    dialect: Dialect,
    mut call: Option<Call>,
    provider: &Provider,
    key: &Secret,
) -> Reply {
    let response: hyper::http::Response<reqwest::Body> = response.into();
    let (parts, body) = response.into_parts();
    let status = parts.status;
    if let Some(call) = &mut call {
        call.answered(status.as_u16(), form(dialect, &parts.headers));
    }
    let passed = headers::answer(parts.headers, key);
    if status == StatusCode::UNAUTHORIZED {
        // The vendors show parts of the key that they refuse.
        let words = format!("The provider `{}` {KEY_REFUSED}.", provider.name);
        if let Some(mut call) = call {
            call.refuse(status.as_u16(), &words);
        }
        return reply(Refusal { dialect, status, code: "invalid_api_key", words });
    }
    let (body, passed) = if status.is_client_error() || status.is_server_error() {
        let words = beginning(body).await;
        if let Some(mut call) = call {
            let name = &provider.name;
            call.refuse(status.as_u16(), &format!("the provider `{name}` answered {status}"));
        }
        let mut passed = passed;
        passed.remove(header::CONTENT_LENGTH);
        (whole(without(words, key)), passed)
    } else {
        let mut passed = passed;
        if call.is_some() {
            // What may be cut off announces no length.
            passed.remove(header::CONTENT_LENGTH);
        }
        (Answer::new(body, call).boxed_unsync(), passed)
    };
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    *reply.headers_mut() = passed;
    reply
}

fn form(dialect: Dialect, headers: &HeaderMap) -> Form {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default();
    if kind.starts_with("text/event-stream") {
        Form::Events
    } else if kind.contains("ndjson") || dialect == Dialect::Ollama {
        Form::Lines
    } else {
        Form::Whole
    }
}

/// The beginning of an error, read to its end or to where it breaks off.
async fn beginning(mut body: reqwest::Body) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() >= LONGEST_ERROR {
            bytes.truncate(LONGEST_ERROR);
            break;
        }
    }
    bytes
}

fn without(bytes: Vec<u8>, key: &Secret) -> Vec<u8> {
    if key.is_empty() || memchr::memmem::find(&bytes, key.expose().as_bytes()).is_none() {
        return bytes;
    }
    String::from_utf8_lossy(&bytes).replace(key.expose(), "<redacted>").into_bytes()
}

/// What the agent is told when no provider answered.
fn unanswered(dialect: Dialect, failure: &Failure, call: Option<Call>) -> Refusal {
    let (status, code) = match failure {
        Failure::Unreachable { .. } => (StatusCode::BAD_GATEWAY, "provider_unreachable"),
        Failure::Login(LoginError::NotNow { .. }) => (StatusCode::BAD_GATEWAY, "login_not_renewed"),
        Failure::Login(LoginError::Ended { .. } | LoginError::Key { .. }) => {
            (StatusCode::UNAUTHORIZED, "invalid_api_key")
        }
    };
    let words = failure.to_string();
    if let Some(mut call) = call {
        call.refuse(status.as_u16(), &words);
    }
    Refusal { dialect, status, code, words }
}

fn reply(refusal: Refusal) -> Reply {
    let Refusal { dialect, status, code, words } = refusal;
    let body = dialect::error(dialect, status, code, &words).to_string();
    let mut reply = Response::new(whole(body.into_bytes()));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if status.is_client_error() {
        // The vendors' clients obey it; without it Claude Code asks eight
        // times over a minute.
        let name = HeaderName::from_static("x-should-retry");
        headers.insert(name, HeaderValue::from_static("false"));
    }
    if status == StatusCode::UPGRADE_REQUIRED {
        headers.insert(header::UPGRADE, HeaderValue::from_static("HTTP/1.1"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    reply
}

fn whole(bytes: Vec<u8>) -> UnsyncBoxBody<Bytes, BrokenOff> {
    Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync()
}
