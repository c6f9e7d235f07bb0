//! Ways to forges that the hub does not reach and a runner does.
//!
//! ```text
//! request ──unix socket──> carry ──ticket──> runner's primary connection
//!                           │ waits
//!                         splice <──hand over── a connection that the runner dials ──TCP──> forge
//! ```
//!
//! TLS is between the hub and the forge: the runner hands on what it cannot
//! read, and the token stays here. To a forge over plain HTTP it can be read by
//! the runner, which is given it for git anyway.
//!
//! **Invariants:** a socket leads to one host and port, through one runner, and
//! lies where only the hub's own user comes. Connections are counted among the
//! hub's tunnels.

use crate::data_dir::make_private;
use crate::links::good_bye;
use crate::tunnels::{Dialled, Tunnels};
use bytes::Bytes;
use pilot_forge::{Reach, Way};
use pilot_link::{HubLive, Incoming};
use pilot_proto::runner::{BulkHead, ToHub};
use pilot_proto::tunnel::MAX_TUNNEL_FRAME;
use pilot_proto::{Code, Forge, Problem, RunnerId};
use pilot_store::Store;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A kept connection through which nothing goes for so long: requests have
/// their own, shorter patience.
const IDLE: Duration = Duration::from_secs(300);
/// Ways of one hub. A person has a handful of forges.
const MOST: usize = 64;

/// To which host and port, by which runner's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct To {
    runner: String,
    address: String,
}

/// The ways of a hub; each is made when it is first gone.
pub(crate) struct ForgeWays {
    tunnels: Arc<Tunnels>,
    store: Store,
    /// Where the sockets are. Named by its descriptor: a socket's path has room
    /// for 107 bytes (unix(7)).
    directory: File,
    works: TaskTracker,
    stop: CancellationToken,
    open: Mutex<BTreeMap<To, Arc<ForgeWay>>>,
}

/// One way.
#[derive(Debug)]
struct ForgeWay {
    to: To,
    socket: PathBuf,
    last: Mutex<Option<Problem>>,
}

impl Way for ForgeWay {
    fn socket(&self) -> &Path {
        &self.socket
    }

    fn problem(&self) -> Option<Problem> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ForgeWay {
    fn came_to(&self, problem: Option<Problem>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    fn failed(&self, why: &Problem) -> Problem {
        let To { runner, address } = &self.to;
        let message = format!("`{address}` is not reached through the runner `{runner}`: ");
        Problem::new(Code::ForgeUnreachable, message + &why.message).hint(why.hint.clone())
    }
}

impl std::fmt::Debug for ForgeWays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForgeWays").finish_non_exhaustive()
    }
}

impl ForgeWays {
    /// With its sockets in `directory`, which is emptied.
    pub(crate) fn open(
        directory: &Path,
        tunnels: Arc<Tunnels>,
        store: Store,
        works: TaskTracker,
        stop: CancellationToken,
    ) -> io::Result<Arc<Self>> {
        make_private(directory)?;
        for left in std::fs::read_dir(directory)? {
            std::fs::remove_file(left?.path())?;
        }
        let directory = File::open(directory)?;
        let open = Mutex::default();
        Ok(Arc::new(Self { tunnels, store, directory, works, stop, open }))
    }

    /// How the hub gets to a forge.
    pub(crate) fn reach_of(self: &Arc<Self>, forge: &Forge) -> Result<Reach, Problem> {
        let (authorities, proxy) = (forge.authorities.clone(), forge.proxy.clone());
        let way: Option<Arc<dyn Way>> = match &forge.through {
            Some(runner) => Some(self.way(runner, &forge.url)?),
            None => None,
        };
        Ok(Reach { authorities, proxy, way, ..Reach::default() })
    }

    fn way(self: &Arc<Self>, runner: &str, url: &str) -> Result<Arc<ForgeWay>, Problem> {
        let to = To { runner: runner.to_owned(), address: address_of(url)? };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = open.get(&to) {
            return Ok(Arc::clone(way));
        }
        if open.len() >= MOST {
            let message = format!("The hub has {MOST} ways to forges already.");
            return Err(Problem::new(Code::Precondition, message).hint("Start the hub again."));
        }
        let descriptor = self.directory.as_raw_fd();
        let socket = PathBuf::from(format!("/proc/self/fd/{descriptor}/{}", open.len()));
        let listener = UnixListener::bind(&socket).map_err(|error| {
            Problem::new(Code::Internal, format!("The hub cannot make a socket: {error}."))
        })?;
        let way = Arc::new(ForgeWay { to: to.clone(), socket, last: Mutex::default() });
        self.works.spawn(Arc::clone(self).listen(Arc::clone(&way), listener));
        open.insert(to, Arc::clone(&way));
        Ok(way)
    }

    async fn listen(self: Arc<Self>, way: Arc<ForgeWay>, listener: UnixListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (ways, way) = (Arc::clone(&self), Arc::clone(&way));
                    self.works.spawn(async move {
                        tokio::select! {
                            () = ways.carry(&way, stream) => {}
                            () = ways.stop.cancelled() => {}
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a way to a forge takes nobody");
                    // Descriptors that have run out come back.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    async fn carry(&self, way: &ForgeWay, stream: UnixStream) {
        match self.dial(way).await {
            Ok((dialled, _place)) => {
                way.came_to(None);
                let Dialled { mut live, _over } = dialled;
                let why = splice(stream, &mut live).await;
                tracing::debug!(address = way.to.address, why, "a connection to a forge is over");
                good_bye(live).await;
            }
            // Before the stream is dropped: whoever waits on it looks then.
            Err(problem) => way.came_to(Some(way.failed(&problem))),
        }
    }

    async fn dial(&self, way: &ForgeWay) -> Result<(Dialled, impl Sized + use<>), Problem> {
        let To { runner, address } = &way.to;
        let place = self.tunnels.place()?;
        let runner = self.runner(runner).await?;
        Ok((self.tunnels.way(runner, address.clone()).await?, place))
    }

    /// The runner of that name; the one that is connected, if there are two.
    async fn runner(&self, name: &str) -> Result<RunnerId, Problem> {
        let runners = self.store.runners().await.map_err(|error| error.problem())?;
        let runners = runners.into_iter().filter(|one| one.name == name && !one.revoked);
        let found = runners.max_by_key(|one| (self.tunnels.reaches(one.id), one.enrolled_at));
        found.map(|one| one.id).ok_or_else(|| {
            Problem::new(Code::NotFound, "There is no such runner.")
                .hint("`pilot runner list` shows those there are.")
        })
    }
}

/// `host:port` of a forge.
fn address_of(url: &str) -> Result<String, Problem> {
    let parsed = url::Url::parse(url).ok();
    let address = parsed
        .as_ref()
        .and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?)));
    address.ok_or_else(|| Problem::new(Code::Invalid, format!("`{url}` names no host.")))
}

/// Hands bytes on until either end hangs up, or nothing comes for long.
async fn splice(stream: UnixStream, live: &mut HubLive) -> &'static str {
    let (reader, writer) = stream.into_split();
    let sender = live.sender();
    tokio::select! {
        why = there(reader, &sender) => why,
        why = back(live, writer) => why,
    }
}

async fn there(
    mut reader: OwnedReadHalf,
    sender: &pilot_link::Sender<pilot_proto::runner::ToRunner>,
) -> &'static str {
    let mut buffer = vec![0; MAX_TUNNEL_FRAME];
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) => return "the hub hung up",
            Ok(read) => {
                let bytes = Bytes::copy_from_slice(&buffer[..read]);
                if sender.send_bulk(&BulkHead::Tunnel, &bytes).await.is_err() {
                    return "the runner takes nothing";
                }
            }
            Err(_) => return "the hub's socket broke",
        }
    }
}

async fn back(live: &mut HubLive, mut writer: OwnedWriteHalf) -> &'static str {
    loop {
        match timeout(IDLE, live.recv()).await {
            Ok(Ok(Incoming::Bulk(BulkHead::Tunnel, bytes))) => {
                if writer.write_all(&bytes).await.is_err() {
                    return "the hub takes nothing";
                }
            }
            Ok(Ok(Incoming::Message(ToHub::Unknown(_)))) => {}
            Ok(Ok(Incoming::Message(_) | Incoming::Bulk(..) | Incoming::Malformed { .. })) => {
                return "the runner said something that does not belong there";
            }
            Ok(Err(_)) => return "the forge hung up",
            Err(_) => return "nothing went through it",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_port_also_where_the_url_leaves_it_out() {
        for (url, address) in [
            ("https://git.example.org", "git.example.org:443"),
            ("http://git.example.org/base", "git.example.org:80"),
            ("https://git.example.org:3000/base", "git.example.org:3000"),
            ("https://[fd00::7]/", "[fd00::7]:443"),
        ] {
            assert_eq!(address_of(url).expect("it names a host"), address);
        }
        assert!(address_of("mailto:nobody").is_err());
    }
}
