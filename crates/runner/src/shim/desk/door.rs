//! The socket itself: made before the walls are raised, shown inside them, and
//! gone with them.
//!
//! Where the run has namespaces the socket's name outside is taken away as soon
//! as the walls stand: what is bound into them is all there is of it, so nobody
//! outside can come by it. Where a person switched the walls off it stays, and
//! whoever comes must be a process of this run. Behind Landlock there is none:
//! that tier lets programs make no sockets of this kind.

use super::agentapi;
use super::attach::Places;
use super::http::{self, Reply};
use super::mcp::{self, Wanted};
use super::tools::{Call, TABLE, Tool};
use super::{Answered, AtTheDoor, Counter, Wish, screen};
use crate::shim::screen::{Deed, Use};
use crate::shim::workspace::Workspace;
use crate::shim_socket::check_peer;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use pilot_proto::{RunId, TaskId};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Where the socket is inside namespaces: short enough for any program's
/// socket address, which holds 107 bytes.
const INSIDE: &str = "/run/pilothouse/workspace.sock";
/// Its name outside.
const NAME: &str = "workspace.sock";
/// Connections at once: an agent's bridge, with a question and a few waits
/// under way, and scripts. Others wait.
const AT_ONCE: usize = 32;
/// Whoever connects is to say what for, and not to sit there afterwards.
const IDLE: Duration = Duration::from_secs(30);
/// The hub may be away for a moment; whoever wants to wait longer asks again.
const DECISION: Duration = Duration::from_secs(120);
/// Out of descriptors, say; trying at once would only spin.
const AGAIN: Duration = Duration::from_millis(100);

/// A socket that nobody serves yet.
pub(in crate::shim) struct Door {
    listener: UnixListener,
    outside: PathBuf,
    /// The run has namespaces.
    apart: bool,
    guests: Guests,
}

/// What a guest is served with.
struct Guests {
    run: RunId,
    agent: String,
    children: bool,
    /// The runner can show a screen.
    screens: bool,
    places: Places,
    counter: Counter,
    numbers: AtomicU64,
}

/// Makes the socket. `apart`: the run has namespaces of its own.
pub(in crate::shim) fn open(
    workspace: &Workspace,
    counter: Counter,
    apart: bool,
) -> io::Result<Door> {
    let work = workspace.dir.work();
    let outside = work.join(NAME);
    match std::fs::remove_file(&outside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // By way of the directory's descriptor: the path may be too long.
    let directory = File::open(&work)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", directory.as_raw_fd()));
    let listener = UnixListener::bind(&short)?;
    drop(directory);
    std::fs::set_permissions(&outside, std::fs::Permissions::from_mode(0o600))?;
    let spec = &workspace.spec;
    let guests = Guests {
        run: spec.run,
        agent: spec.agent.clone(),
        children: spec.children.tasks > 0 && spec.children.depth > 0,
        screens: workspace.has_a_screen(),
        places: Places::of(workspace),
        counter,
        numbers: AtomicU64::new(1),
    };
    Ok(Door { listener, outside, apart, guests })
}

impl Door {
    /// What is to be shown inside, and where; none where inside is outside.
    pub(in crate::shim) fn shown(&self) -> Option<(PathBuf, PathBuf)> {
        self.apart.then(|| (self.outside.clone(), PathBuf::from(INSIDE)))
    }

    /// Where those inside find it.
    pub(in crate::shim) fn inside(&self) -> PathBuf {
        if self.apart { PathBuf::from(INSIDE) } else { self.outside.clone() }
    }

    /// Serves whoever comes, from now on until `stop`. The walls stand.
    pub(in crate::shim) async fn serve(self, stop: CancellationToken) {
        let Self { listener, outside, apart, guests } = self;
        if apart {
            take_away(&outside);
        }
        let guests = Arc::new(guests);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = listener.accept(), if connections.len() < AT_ONCE => match accepted {
                    Ok((stream, _)) => match check(&stream, guests.run, apart) {
                        Ok(()) => {
                            connections.spawn(serve(stream, Arc::clone(&guests)));
                        }
                        Err(error) => tracing::warn!(%error, "somebody was not let in"),
                    },
                    Err(error) => {
                        tracing::warn!(%error, "nobody can be let in");
                        tokio::time::sleep(AGAIN).await;
                    }
                },
            }
        }
        connections.shutdown().await;
        if !apart {
            take_away(&outside);
        }
    }
}

fn take_away(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "the run's socket cannot be taken away");
    }
}

/// Of namespaces only their own processes can come. Elsewhere it has to be one
/// of the run's.
fn check(stream: &UnixStream, run: RunId, apart: bool) -> io::Result<()> {
    check_peer(stream)?;
    if apart {
        return Ok(());
    }
    let peer = stream.peer_cred()?.pid().and_then(|pid| u32::try_from(pid).ok());
    match peer {
        Some(pid) if pilot_sandbox::death::belongs(run, pid) => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is no process of the run")),
    }
}

async fn serve(stream: UnixStream, guests: Arc<Guests>) {
    // What goes on behind an answer ends with its connection.
    let (behind, mut works) = mpsc::channel::<Work>(1);
    let service = service_fn(|request| {
        let (guests, behind) = (Arc::clone(&guests), behind.clone());
        async move { Ok::<_, Infallible>(guests.answer(request, &behind).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service);
    let work = async {
        while let Some(work) = works.recv().await {
            work.await;
        }
    };
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::debug!(%error, "a connection from inside broke");
        },
        () = work => {}
    }
}

/// What goes on while an answer is read.
type Work = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

impl Guests {
    async fn answer(&self, request: Request<Incoming>, behind: &mpsc::Sender<Work>) -> Reply {
        let path = request.uri().path().to_owned();
        let tool = path.strip_prefix("/tools/").map(str::to_owned);
        match (request.method().clone(), path.as_str()) {
            (Method::GET, "/status") => agentapi::status(&self.counter.talk, &self.agent),
            (Method::GET, "/tools") => {
                let tools: Vec<Value> = self.tools().map(mcp::shown).collect();
                http::document(StatusCode::OK, &json!({"tools": tools}))
            }
            (Method::GET, "/messages") => agentapi::messages(&self.counter.talk),
            (Method::GET, "/events") => {
                let talk = Arc::clone(&self.counter.talk);
                let (reply, follow) = agentapi::events(talk, &self.agent);
                match behind.try_send(Box::pin(follow)) {
                    Ok(()) => reply,
                    Err(_) => http::refusal(StatusCode::CONFLICT, "one stream for each connection"),
                }
            }
            (Method::POST, "/message") => match http::body(request).await {
                Ok(body) => agentapi::message(&self.counter.talk, &body),
                Err(refusal) => refusal,
            },
            (Method::POST, "/mcp") => match http::body(request).await {
                Ok(body) => self.speak(&body).await,
                Err(refusal) => refusal,
            },
            (Method::POST, _) if tool.is_some() => match http::body(request).await {
                Ok(body) => self.plainly(&tool.unwrap_or_default(), &body).await,
                Err(refusal) => refusal,
            },
            (_, "/status" | "/messages" | "/events" | "/message" | "/mcp" | "/tools") => {
                http::refusal(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method")
            }
            _ => http::refusal(StatusCode::NOT_FOUND, "there is nothing here"),
        }
    }

    fn tools(&self) -> impl Iterator<Item = &'static Tool> {
        let children = self.children;
        let ours = TABLE.iter().filter(move |tool| children || !tool.of_children);
        ours.chain(screen::TABLE.iter().filter(|_| self.screens))
    }

    /// As the Model Context Protocol has it.
    async fn speak(&self, body: &[u8]) -> Reply {
        let said = match mcp::read(body, self.tools()) {
            Wanted::Nothing => return http::empty(StatusCode::ACCEPTED),
            Wanted::Say(said) => said,
            Wanted::Call { id, name, arguments } => {
                match self.tools().find(|tool| tool.name == name) {
                    Some(tool) => mcp::called(&id, self.call(tool, arguments).await),
                    None => mcp::no_tool(&id, &name),
                }
            }
        };
        http::document(StatusCode::OK, &said)
    }

    /// For programs: a document in, a document out.
    async fn plainly(&self, name: &str, body: &[u8]) -> Reply {
        let Some(tool) = self.tools().find(|tool| tool.name == name) else {
            return http::refusal(StatusCode::NOT_FOUND, "there is no such tool");
        };
        let arguments = if body.is_empty() { Ok(json!({})) } else { serde_json::from_slice(body) };
        let answered = match arguments {
            Ok(arguments) => self.call(tool, arguments).await,
            Err(_) => Err("This is no JSON.".to_owned()),
        };
        match answered {
            Ok(document) => http::document(StatusCode::OK, &document),
            Err(why) => http::refusal(StatusCode::UNPROCESSABLE_ENTITY, &why),
        }
    }

    async fn call(&self, tool: &Tool, arguments: Value) -> Answered {
        match (tool.call)(arguments)? {
            Call::Wish(wish) => self.wish(wish).await,
            Call::Attach { path, name } => {
                let places = self.places.clone();
                let attached =
                    tokio::task::spawn_blocking(move || places.attach(&path, name.as_deref()));
                let name = attached.await.map_err(|error| error.to_string())??;
                Ok(json!({"attached": name}))
            }
            Call::Screen(deed) => self.on_screen(deed).await,
            Call::List => Ok(json!({"tasks": self.counter.family.all()})),
            Call::Result { task, wait_secs } => self.result(task, wait_secs).await,
        }
    }

    /// Given up when the caller hangs up.
    async fn on_screen(&self, deed: Deed) -> Answered {
        let (reply, answer) = oneshot::channel();
        let gone = || "The run is at its end.".to_owned();
        let call = AtTheDoor::Uses(Use { deed, reply });
        self.counter.to_shim.send(call).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    async fn wish(&self, wish: Wish) -> Answered {
        let token = match &wish {
            Wish::Child { token, .. } => Some(token.clone()),
            Wish::Report(_) | Wish::Ask(_) => None,
        };
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        let gone = || "The run is at its end.".to_owned();
        let wishes = AtTheDoor::Wishes { number, wish, reply };
        self.counter.to_shim.send(wishes).await.map_err(|_| gone())?;
        let leaving = Leaving { number, to_shim: &self.counter.to_shim, answered: false };
        let answered = match token {
            None => answer.await,
            Some(token) => match tokio::time::timeout(DECISION, answer).await {
                Ok(answered) => answered,
                Err(_) => {
                    return Err(format!(
                        "The hub has not decided yet. Ask again with the token `{token}`: it is the same wish."
                    ));
                }
            },
        };
        leaving.done();
        answered.map_err(|_| gone())?
    }

    /// Waits, if that is wanted, until the task is over.
    async fn result(&self, task: TaskId, wait_secs: u64) -> Answered {
        let family = &self.counter.family;
        let mut changed = family.changed.subscribe();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(wait_secs);
        loop {
            let child = family.one(task).ok_or("There is no such task below this one.")?;
            let document = || serde_json::to_value(&child).map_err(|error| error.to_string());
            if child.over {
                return document();
            }
            match tokio::time::timeout_at(deadline, changed.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return document(),
            }
        }
    }
}

/// Tells that whoever wished hung up, if that is what happens.
struct Leaving<'a> {
    number: u64,
    to_shim: &'a mpsc::Sender<AtTheDoor>,
    answered: bool,
}

impl Leaving<'_> {
    fn done(mut self) {
        self.answered = true;
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        // A queue that is full means that the shim ends, or will look soon: a
        // question nobody waits for is answered into the void.
        if !self.answered && self.to_shim.try_send(AtTheDoor::Left { number: self.number }).is_err()
        {
            tracing::debug!("the shim was not told that somebody hung up");
        }
    }
}
