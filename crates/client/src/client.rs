//! Commands: a row of the table and a request in, a response out; and the same
//! as text, for whoever carries somebody else's.

use crate::endpoint::{Endpoint, is_this_machine, shown};
use crate::error::ClientError;
use crate::frames::Frames;
use crate::journal::JournalRecords;
use crate::live::Live;
use crate::tls::{self, Stranger, Trust};
use crate::tunnel::{self, TunnelReceiver, TunnelSender};
use pilot_proto::console::{Command, Entry, Method, RESCUE_PATH};
use pilot_proto::tunnel::TunnelQuery;
use pilot_proto::{Code, Problem, RunId, TaskId};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Request, Response, Url, redirect};
use rustls::ClientConfig;
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// For a whole command: a search over a log of many megabytes ends within it,
/// and a person has lost patience before.
const CALL_DEADLINE: Duration = Duration::from_secs(60);
/// For a connection that nothing is asked on. A hub closes one after 15 seconds,
/// and what is asked on it in that moment is lost: most commands may not be
/// asked twice.
const KEPT: Duration = Duration::from_secs(5);
/// For the connection, and between two pieces of a long answer.
pub(crate) const SILENCE_DEADLINE: Duration = Duration::from_secs(20);
/// The hub bounds its pages by 4 MiB; a snapshot of 100,000 files is about 40.
const MAX_RESPONSE: usize = 256 * 1024 * 1024;

/// A console's way to one hub. Cheap to clone; connections are shared.
#[derive(Clone)]
pub struct Client {
    pub(crate) hub: Url,
    pub(crate) authorization: HeaderValue,
    pub(crate) tls: Arc<ClientConfig>,
    fingerprint: Option<String>,
    stranger: Stranger,
    http: reqwest::Client,
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// What the hub calls it.
    pub media_type: String,
    /// Bytes written.
    pub size: u64,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("hub", &self.hub.as_str()).finish_non_exhaustive()
    }
}

impl Client {
    /// Checks the endpoint; asks nothing yet.
    pub fn new(endpoint: &Endpoint) -> Result<Self, ClientError> {
        let hub = endpoint.parsed()?;
        let bad = |why: String| ClientError::Address { url: shown(hub.as_str()), why };
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {}", endpoint.token.expose().trim()))
                .map_err(|_| bad("the token has characters that no token has".to_owned()))?;
        authorization.set_sensitive(true);
        let trust = match &endpoint.fingerprint {
            _ if hub.scheme() == "http" => Trust::Nobody,
            Some(fingerprint) => Trust::Pinned(fingerprint),
            None => Trust::System,
        };
        let stranger = Stranger::default();
        let tls = tls::config(trust, &stranger).map_err(|error| bad(error.to_string()))?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .user_agent(concat!("pilothouse/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(SILENCE_DEADLINE)
            .pool_idle_timeout(KEPT)
            .read_timeout(CALL_DEADLINE);
        if is_this_machine(&hub) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| bad(error.to_string()))?;
        let fingerprint = endpoint.fingerprint.as_deref().map(tls::bare);
        Ok(Self { hub, authorization, tls: Arc::new(tls), fingerprint, stranger, http })
    }

    /// The hub's address, for messages.
    pub fn hub(&self) -> String {
        shown(self.hub.as_str())
    }

    /// Asks one command.
    pub async fn call<C: Command>(&self, request: C::Request) -> Result<C::Response, ClientError> {
        let mut request = self.request(&C::ENTRY, &request)?;
        *request.timeout_mut() = Some(CALL_DEADLINE);
        let body = self.answer(request).await?;
        let body = self.read_whole(body).await?;
        serde_json::from_slice(&body).map_err(|error| {
            self.strange(format!("its answer to `{}` cannot be read ({error})", C::ENTRY.name))
        })
    }

    /// Carries a command that somebody else made: `path` begins with `/api/`
    /// and has its parameters and query, `body` is JSON. Gives the answer's
    /// JSON text.
    pub async fn call_raw(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<String, ClientError> {
        let mut request = self.raw_request(method, path)?;
        *request.timeout_mut() = Some(CALL_DEADLINE);
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
            *request.body_mut() = Some(body.into());
        }
        let answer = self.answer(request).await?;
        let answer = self.read_whole(answer).await?;
        String::from_utf8(answer).map_err(|_| self.strange("its answer is no text".to_owned()))
    }

    /// Writes what is at a path below `/api/` to `to`, whatever its size.
    pub async fn fetch(
        &self,
        path: &str,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<Fetched, ClientError> {
        self.pour(self.raw_request(Method::Get, path)?, to).await
    }

    /// One live WebSocket, as it is: whole text frames in and out. It does not
    /// come back when it is lost.
    pub async fn frames(&self) -> Result<Frames, ClientError> {
        Frames::connect(self).await
    }

    /// The console's WebSocket, connected once; from then on it connects again
    /// by itself.
    pub async fn live(&self) -> Result<Live, ClientError> {
        Live::connect(self.clone()).await
    }

    /// A tunnel into a task's run. It does not come back when it is lost.
    pub async fn tunnel(
        &self,
        query: &TunnelQuery,
    ) -> Result<(TunnelSender, TunnelReceiver), ClientError> {
        tunnel::open(self, query).await
    }

    /// The records of a run's journal after `after` (0 for all): history first,
    /// then as they come, in order, each once, over lost connections too.
    pub async fn follow_journal(
        &self,
        run: RunId,
        after: u64,
    ) -> Result<JournalRecords, ClientError> {
        JournalRecords::follow(self.live().await?, run, after).await
    }

    /// Writes a task's rescue bundle to `to`; its size in bytes.
    pub async fn rescue(
        &self,
        task: TaskId,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u64, ClientError> {
        let url = self.url(&[("task", &task.to_string())], RESCUE_PATH, "rescue")?;
        let fetched = self.pour(self.signed(reqwest::Method::GET, url), to).await?;
        Ok(fetched.size)
    }

    async fn pour(
        &self,
        request: Request,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<Fetched, ClientError> {
        let mut response = self.answer(request).await?;
        let media_type = response.headers().get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.to_owned();
        let mut size = 0;
        while let Some(piece) = response.chunk().await.map_err(|error| self.failure(error))? {
            to.write_all(&piece).await.map_err(|source| ClientError::Write { source })?;
            size += piece.len() as u64;
        }
        to.flush().await.map_err(|source| ClientError::Write { source })?;
        Ok(Fetched { media_type, size })
    }

    /// A failure of the connection: somebody else's certificate, or no answer.
    pub(crate) fn unreachable(
        &self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> ClientError {
        match (&self.fingerprint, self.stranger.take()) {
            (Some(expected), Some(seen)) => {
                ClientError::Certificate { hub: self.hub(), expected: expected.clone(), seen }
            }
            _ => ClientError::Unreachable { hub: self.hub(), source: source.into() },
        }
    }

    pub(crate) fn strange(&self, why: String) -> ClientError {
        ClientError::NotAHub { hub: self.hub(), why }
    }

    /// What an answer other than 2xx says.
    pub(crate) fn refusal(&self, status: u16, path: &str, body: &[u8]) -> ClientError {
        let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
            return match status {
                // A proxy before a hub that is being restarted.
                502..=504 => self.unreachable(format!("a proxy answers {status}")),
                _ => self.strange(format!("it answers {status} without saying why")),
            };
        };
        let unknown = match problem.code {
            Code::Version => true,
            // What a hub says of a path that it does not have.
            Code::NotFound => problem.message == "There is nothing here.",
            _ => status == 405,
        };
        if unknown {
            return ClientError::Older { hub: self.hub(), what: path.to_owned() };
        }
        match problem.code {
            Code::Unauthorized => ClientError::Unauthorized { hub: self.hub(), problem },
            _ => ClientError::Refused(problem),
        }
    }

    /// A request for a path of somebody else's making. It goes below the hub's
    /// `/api/`, and nowhere else.
    fn raw_request(&self, method: Method, path: &str) -> Result<Request, ClientError> {
        let bad =
            |why: &str| ClientError::Request { command: path.to_owned(), why: why.to_owned() };
        let mut root = self.hub.clone();
        root.set_query(None);
        root.set_fragment(None);
        let root = root.as_str().trim_end_matches('/').to_owned();
        let url = Url::parse(&format!("{root}{path}")).map_err(|_| bad("it is no path"))?;
        // Dots are resolved by now, and a path cannot have become a host.
        if !url.as_str().starts_with(&format!("{root}/api/")) {
            return Err(bad("only what is below `/api/` is asked for"));
        }
        let method = match method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
        };
        Ok(self.signed(method, url))
    }

    fn request<T: serde::Serialize>(
        &self,
        entry: &Entry,
        request: &T,
    ) -> Result<Request, ClientError> {
        let bad = |why: String| ClientError::Request { command: entry.name.to_owned(), why };
        let mut fields = match serde_json::to_value(request) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return Err(bad("the request is not an object".to_owned())),
            Err(error) => return Err(bad(error.to_string())),
        };
        let mut path = Vec::new();
        for name in parameters(entry.path) {
            let value = fields.remove(name).as_ref().and_then(scalar);
            path.push((name, value.ok_or_else(|| bad(format!("`{name}` is missing")))?));
        }
        let path: Vec<_> = path.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let url = self.url(&path, entry.path, entry.name)?;
        match entry.method {
            Method::Get => self.with_query(reqwest::Method::GET, url, &fields).map_err(bad),
            Method::Delete => self.with_query(reqwest::Method::DELETE, url, &fields).map_err(bad),
            Method::Post => {
                let mut request = self.signed(reqwest::Method::POST, url);
                request
                    .headers_mut()
                    .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                *request.body_mut() = Some(Value::Object(fields).to_string().into());
                Ok(request)
            }
        }
    }

    fn with_query(
        &self,
        method: reqwest::Method,
        mut url: Url,
        fields: &Map<String, Value>,
    ) -> Result<Request, String> {
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            let text = scalar(value).ok_or_else(|| format!("`{name}` does not fit a URL"))?;
            url.query_pairs_mut().append_pair(name, &text);
        }
        Ok(self.signed(method, url))
    }

    /// `path` below the hub's address, with its `{…}` filled in.
    pub(crate) fn url(
        &self,
        fields: &[(&str, &str)],
        path: &str,
        command: &'static str,
    ) -> Result<Url, ClientError> {
        let mut url = self.hub.clone();
        url.set_query(None);
        url.set_fragment(None);
        let Ok(mut segments) = url.path_segments_mut() else {
            return Err(self.strange("its address has no path".to_owned()));
        };
        segments.pop_if_empty();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            let parameter = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
            let value = match parameter {
                None => segment,
                Some(name) => fields
                    .iter()
                    .find(|(field, _)| *field == name)
                    .map(|(_, value)| *value)
                    // An empty or dotted segment would be left out, and the
                    // request would become another one.
                    .filter(|value| !matches!(*value, "" | "." | ".."))
                    .ok_or_else(|| ClientError::Request {
                        command: command.to_owned(),
                        why: format!("`{name}` is empty"),
                    })?,
            };
            segments.push(value);
        }
        drop(segments);
        Ok(url)
    }

    fn signed(&self, method: reqwest::Method, url: Url) -> Request {
        let mut request = Request::new(method, url);
        request.headers_mut().insert(AUTHORIZATION, self.authorization.clone());
        request
    }

    /// Sends, and gives the answer back if it is 2xx.
    async fn answer(&self, request: Request) -> Result<Response, ClientError> {
        let path = request.url().path().to_owned();
        let response = self.http.execute(request).await.map_err(|error| self.failure(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = self.read_whole(response).await?;
        Err(self.refusal(status.as_u16(), &path, &body))
    }

    async fn read_whole(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.failure(error))? {
            if body.len() + piece.len() > MAX_RESPONSE {
                return Err(self.strange(format!("it sends over {MAX_RESPONSE} bytes")));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    fn failure(&self, error: reqwest::Error) -> ClientError {
        self.unreachable(error.without_url())
    }
}

/// Names of the `{…}` of a path.
fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// A value as it stands in a URL.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
