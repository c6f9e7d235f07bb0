//! Plain HTTP: through the proxy or straight to port 80, and `CONNECT`.
//!
//! Every request is parsed, decided and written anew, so that what the policy
//! saw is what the server gets (RFC 9112 §11.2). No `Via` is added: servers
//! would answer differently behind one.

use super::journal::Subject;
use super::reach::{self, Failure};
use super::{Ending, Shared, refusal, tunnel};
use crate::outside::UpstreamProxy;
use crate::policy::{Host, Pass, Policy, Way};
use crate::relay;
use crate::stream::{Counts, Stream};
use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use pilot_proto::network::Door;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// From the first byte of a request's head to its last, and between requests.
const HEAD: Duration = Duration::from_secs(15);
/// A head with more is answered with 431; servers allow 8 to 32 KiB.
const HEAD_BYTES: usize = 64 * 1024;
const HTTP: u16 = 80;

/// Fields that are between two neighbours only (RFC 9110 §7.6.1).
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authenticate",
    "proxy-authorization",
    "expect",
];

type Answer = Response<Either<Full<Bytes>, Counted>>;

/// Serves one client; `straight` is where it went, if not to the proxy.
pub(super) async fn serve(
    shared: Arc<Shared>,
    client: Stream,
    straight: Option<(Host, u16)>,
    process: Option<String>,
) -> io::Result<()> {
    let counts = Arc::clone(client.counts());
    let visit = Arc::new(Visit {
        shared,
        straight,
        process,
        kept: Mutex::default(),
        tunnel: Mutex::default(),
        work: Mutex::default(),
    });
    let service = hyper::service::service_fn(|request| {
        let visit = Arc::clone(&visit);
        async move { Ok::<_, Infallible>(visit.answer(request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(client), service)
        .with_upgrades();
    let progress = || counts.sent() + counts.received();
    let served = relay::quiet(super::IDLE, progress, connection).await;
    let Some(tunnel) = lock(&visit.tunnel).take() else {
        return served.unwrap_or(Ok(())).map_err(io::Error::other);
    };
    let upgraded = tunnel.upgrade.await.map_err(io::Error::other)?;
    let parts = upgraded
        .downcast::<TokioIo<Stream>>()
        .map_err(|_| io::Error::other("the connection is not the one that was accepted"))?;
    let mut client = parts.io.into_inner();
    client.put_back(&parts.read_buf);
    let Tunnel { outside, subject, pass, ending, .. } = tunnel;
    tunnel::opened(&visit.shared, client, outside, &subject, &pass, ending).await
}

/// One client's connection with all its requests.
struct Visit {
    shared: Arc<Shared>,
    straight: Option<(Host, u16)>,
    process: Option<String>,
    /// The last server, for the next request to it.
    kept: Mutex<Option<Server>>,
    /// What the last request was, where that was `CONNECT`.
    tunnel: Mutex<Option<Tunnel>>,
    /// Moves the bytes of servers; ends with the visit.
    work: Mutex<JoinSet<()>>,
}

struct Server {
    host: Host,
    port: u16,
    sender: SendRequest<Incoming>,
    counts: Arc<Counts>,
    proxy: Option<UpstreamProxy>,
}

struct Tunnel {
    upgrade: hyper::upgrade::OnUpgrade,
    outside: Stream,
    subject: Subject,
    pass: Pass,
    ending: Ending,
}

impl Visit {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let answer = if request.method() == Method::CONNECT {
            self.connect(request).await
        } else {
            self.pass_on(request).await
        };
        answer.unwrap_or_else(|refused| *refused)
    }

    async fn connect(&self, request: Request<Incoming>) -> Result<Answer, Box<Answer>> {
        if self.straight.is_some() {
            return Err(bad("`CONNECT` goes to the proxy"));
        }
        let authority = request.uri().authority();
        let target = authority.and_then(|authority| target(authority, None));
        let (host, port) = target.ok_or_else(|| bad("`CONNECT` needs a host and a port"))?;
        let subject = self.subject(host, port, Door::Connect, &request, None);
        let (policy, pass) = self.decide(&subject, Way::Stream)?;
        let reached = reach::stream(&self.shared, &policy, &pass, &subject.host, port).await;
        let outside = reached.map_err(|failure| self.failed(&subject, &pass, &failure))?;
        let ending = self.shared.passes(&subject, &pass, outside.counts());
        let upgrade = hyper::upgrade::on(request);
        *lock(&self.tunnel) = Some(Tunnel { upgrade, outside, subject, pass, ending });
        Ok(Response::new(Either::Left(Full::default())))
    }

    async fn pass_on(&self, request: Request<Incoming>) -> Result<Answer, Box<Answer>> {
        let (host, port) = self.destination(&request)?;
        let path = request.uri().path().to_owned();
        let subject = self.subject(host, port, Door::Http, &request, Some(path.clone()));
        if let Some((host, port)) = &self.straight
            && (&subject.host, subject.port) != (host, *port)
        {
            let because = format!("its `Host` is another than `{host}`, which was connected to");
            return Err(self.refused(&subject, &because));
        }
        let (policy, pass) = self.decide(&subject, Way::Http(&path))?;
        let mut request = request;
        strip(request.headers_mut());
        let mut server = self.server(&policy, &pass, &subject).await?;
        let ending = self.shared.passes(&subject, &pass, &server.counts);
        address(&mut request, &subject, server.proxy.as_ref()).map_err(|_| bad("an odd target"))?;
        let sent = match server.sender.try_send_request(request).await {
            Ok(response) => Ok(response),
            Err(mut failed) => match failed.take_message() {
                // A kept connection that its server had closed: another one.
                Some(request) => {
                    server = self.connected(&policy, &pass, &subject).await?;
                    server.sender.send_request(request).await
                }
                None => Err(failed.into_error()),
            },
        };
        let mut response = match sent {
            Ok(response) => response,
            Err(error) => {
                let source = io::Error::other(error);
                let text = format!("`{}` did not answer: {source}", subject.place());
                ending.end(Some(source));
                return Err(unreachable(&text));
            }
        };
        strip(response.headers_mut());
        *lock(&self.kept) = Some(server);
        *response.version_mut() = Version::HTTP_11;
        Ok(response.map(|body| Either::Right(Counted { body, _ending: ending })))
    }

    /// Who is meant: by the request to a proxy (RFC 9112 §3.2.2), by the one
    /// `Host` otherwise.
    fn destination(&self, request: &Request<Incoming>) -> Result<(Host, u16), Box<Answer>> {
        let uri = request.uri();
        if let Some(authority) = uri.authority() {
            if uri.scheme_str() != Some("http") {
                return Err(bad("this proxy speaks plain HTTP; use `CONNECT` for anything else"));
            }
            return target(authority, Some(HTTP)).ok_or_else(|| bad("the target is no host"));
        }
        let Some((_, port)) = &self.straight else {
            return Err(bad("this is a proxy: the request must say which host is meant"));
        };
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
        if hosts.next().is_some() {
            return Err(bad("the request has more than one `Host`"));
        }
        let target = host.and_then(|host| target(&host, Some(HTTP)));
        let (host, named) = target.ok_or_else(|| bad("the request has no `Host`"))?;
        // Without a port in `Host`, the one that was connected to is meant.
        Ok((host, if named == HTTP { *port } else { named }))
    }

    fn subject(
        &self,
        host: Host,
        port: u16,
        door: Door,
        request: &Request<Incoming>,
        path: Option<String>,
    ) -> Subject {
        let method = Some(request.method().to_string());
        Subject { host, port, door, method, path, process: self.process.clone() }
    }

    fn decide(&self, subject: &Subject, way: Way<'_>) -> Result<(Arc<Policy>, Pass), Box<Answer>> {
        self.shared.decide(subject, way).map_err(|because| self.refused(subject, &because))
    }

    /// The kept connection where it is to the same server and alive.
    async fn server(
        &self,
        policy: &Policy,
        pass: &Pass,
        subject: &Subject,
    ) -> Result<Server, Box<Answer>> {
        let kept = lock(&self.kept).take();
        if let Some(mut server) = kept
            && (&server.host, server.port) == (&subject.host, subject.port)
            && server.sender.ready().await.is_ok()
        {
            return Ok(server);
        }
        self.connected(policy, pass, subject).await
    }

    async fn connected(
        &self,
        policy: &Policy,
        pass: &Pass,
        subject: &Subject,
    ) -> Result<Server, Box<Answer>> {
        let reached = reach::http(&self.shared, policy, pass, &subject.host, subject.port).await;
        let reached = reached.map_err(|failure| self.failed(subject, pass, &failure))?;
        let counts = Arc::clone(reached.stream.counts());
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(reached.stream)).await;
        let (sender, connection) = shaken.map_err(|error| unreachable(&error.to_string()))?;
        lock(&self.work).spawn(async move {
            // How it ended is seen by whoever uses it.
            drop(connection.await);
        });
        let Subject { host, port, .. } = subject.clone();
        Ok(Server { host, port, sender, counts, proxy: reached.proxy })
    }

    fn refused(&self, subject: &Subject, because: &str) -> Box<Answer> {
        self.shared.journal.refused(subject, because, Instant::now());
        denial(&subject.place(), because)
    }

    fn failed(&self, subject: &Subject, pass: &Pass, failure: &Failure) -> Box<Answer> {
        match failure {
            Failure::Refused(because) => self.refused(subject, because),
            Failure::Unreachable { .. } => {
                self.shared.failed(subject, pass, failure);
                unreachable(&failure.to_string())
            }
        }
    }
}

fn target(authority: &Authority, default: Option<u16>) -> Option<(Host, u16)> {
    // A user name would be shown to the server as part of nothing.
    if authority.as_str().contains('@') {
        return None;
    }
    let port = match authority.port_u16() {
        Some(port) => port,
        // `host:99999` and `host:` are no hosts without a port.
        None if authority.as_str().len() != authority.host().len() => return None,
        None => default?,
    };
    Some((Host::parse(authority.host())?, port)).filter(|_| port != 0)
}

/// Removes what was meant for us, and what `Connection` says was.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // These say whom and how much, and no `Connection` may take them away.
        .filter(|name| ![header::HOST, header::CONTENT_LENGTH].contains(name))
        .collect();
    // The length of a chunked body is what its chunks say (RFC 9112 §6.3).
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
    }
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Writes the request's target as its next reader wants it.
fn address(
    request: &mut Request<Incoming>,
    subject: &Subject,
    proxy: Option<&UpstreamProxy>,
) -> Result<(), hyper::http::Error> {
    let Subject { host, port, .. } = subject;
    let authority = if *port == HTTP { host.to_string() } else { format!("{host}:{port}") };
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let uri = match proxy {
        None => path.parse::<Uri>()?,
        Some(_) => format!("http://{authority}{path}").parse::<Uri>()?,
    };
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_11;
    request.headers_mut().insert(header::HOST, HeaderValue::try_from(authority)?);
    if let Some(authorization) = proxy.and_then(|proxy| proxy.authorization.as_ref()) {
        let mut value = HeaderValue::try_from(authorization.expose())?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::PROXY_AUTHORIZATION, value);
    }
    Ok(())
}

fn denial(place: &str, because: &str) -> Box<Answer> {
    let mut answer = plain(StatusCode::FORBIDDEN, refusal::text(place, because));
    let phrase = refusal::phrase(place, because);
    // RFC 9209, for those who look.
    let quoted = phrase.replace(['"', '\\'], "'");
    let status = format!("pilothouse; error=http_request_denied; details=\"{quoted}\"");
    if let Ok(status) = HeaderValue::try_from(status) {
        answer.headers_mut().insert("proxy-status", status);
    }
    // Of a refused `CONNECT` most tools show this line and nothing else.
    if let Ok(phrase) = hyper::ext::ReasonPhrase::try_from(phrase) {
        answer.extensions_mut().insert(phrase);
    }
    answer
}

fn bad(text: &str) -> Box<Answer> {
    plain(StatusCode::BAD_REQUEST, format!("Pilothouse: {text}.\n"))
}

fn unreachable(text: &str) -> Box<Answer> {
    plain(StatusCode::BAD_GATEWAY, format!("Pilothouse: {text}.\n"))
}

fn plain(status: StatusCode, text: String) -> Box<Answer> {
    let mut answer = Response::new(Either::Left(Full::from(text)));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, plain);
    Box::new(answer)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server's body; when it is over, so is what was decided.
struct Counted {
    body: Incoming,
    _ending: Ending,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
