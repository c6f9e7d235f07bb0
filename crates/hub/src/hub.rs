//! Starting and stopping a hub.

use crate::assignment::Granter;
use crate::blobs::Blobs;
use crate::core::{Core, CoreHandle, Reach};
use crate::credentials::Credentials;
use crate::data_dir::DataDirectory;
use crate::diffs::Diffs;
use crate::error::HubError;
use crate::films::Films;
use crate::forge_logins::ForgeLogins;
use crate::forge_ways::ForgeWays;
use crate::forges::Forges;
use crate::gate::Gate;
use crate::intake::Intake;
use crate::links::{Connections, Directory};
use crate::live::Fanout;
use crate::options::HubOptions;
use crate::permits::Permits;
use crate::publish::Publisher;
use crate::sessions::{self, Sessions, SharedSessions};
use crate::tls::{self, Certificate};
use crate::tunnels::Tunnels;
use crate::vaults::Vaults;
use crate::web::Web;
use crate::{demo, hooks, http, listen};
use pilot_proto::{Problem, Secret};
use pilot_store::Store;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long each step of stopping may take, whatever the peers do. The store
/// is closed after both, so that stopping takes ten seconds at most.
const STEP: Duration = Duration::from_secs(5);

/// Streams of events at once; each may hold a whole conversation.
const EVENT_STREAMS: usize = 64;

/// Shortest owner token that is taken: 128 bits in hex.
const MIN_TOKEN: usize = 32;

/// The hub. [`Hub::start`] is the way in; there is nothing else to hold.
#[derive(Debug)]
pub struct Hub;

/// What routes reach.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) films: Films,
    pub(crate) diffs: Diffs,
    pub(crate) fanout: Arc<Fanout>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) vaults: Arc<Vaults>,
    pub(crate) tunnels: Arc<Tunnels>,
    pub(crate) forge_ways: Arc<ForgeWays>,
    pub(crate) core: CoreHandle,
    pub(crate) sessions: SharedSessions,
    pub(crate) web: Web,
    /// Base URL for runners and consoles.
    pub(crate) url: String,
    /// Where people find the pages, without a slash at the end.
    pub(crate) page_url: String,
    pub(crate) fingerprint: Option<String>,
    /// Every WebSocket is a task of this.
    pub(crate) sockets: TaskTracker,
    pub(crate) stop: CancellationToken,
    pub(crate) forges: Arc<Forges>,
    pub(crate) forge_logins: Arc<ForgeLogins>,
    /// Reads issues that are to become tasks.
    pub(crate) intake: Arc<Intake>,
    /// Places for webhooks' deliveries.
    pub(crate) deliveries: Semaphore,
    /// Places for those who listen to a task as AgentAPI.
    pub(crate) event_streams: Arc<Semaphore>,
}

/// A hub that serves.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its base URL, as consoles on this machine use it.
    pub url: String,
    /// File with the owner's token; none where it was given.
    pub token_path: Option<PathBuf>,
    /// SHA-256 of its certificate in hex; none for plain HTTP on loopback.
    pub fingerprint: Option<String>,
    /// Where people find its pages.
    pub page_url: String,
    data: DataDirectory,
    store: Store,
    sessions: SharedSessions,
    /// Nobody comes in any more, and sockets close.
    closing: CancellationToken,
    sockets: TaskTracker,
    doors: TaskTracker,
    /// The core and the publisher end, after everybody who tells them things.
    ending: CancellationToken,
    works: TaskTracker,
}

impl Hub {
    /// Opens the data directory, binds the address, resumes what was under
    /// way, and serves until [`Running::stop`].
    pub async fn start(options: HubOptions) -> Result<Running, HubError> {
        check(&options)?;
        let data = DataDirectory::open(&options.data)?;
        let (owner, token_path) = owner_token(&options, &data)?;
        let credentials = Arc::new(credentials(&options, &data).await?);
        let blobs = Blobs::open(data.blobs()).map_err(|error| HubError::DataDirectory {
            path: data.blobs(),
            source: std::io::Error::other(error),
        })?;
        let films = Films::open(data.films(), options.programs.clone(), blobs.clone());
        let films =
            films.map_err(|source| HubError::DataDirectory { path: data.films(), source })?;
        let store_url = options.store_url.clone();
        let store_url = store_url.unwrap_or_else(|| sqlite_url(&data.database()));
        let store = Store::open(&store_url).await.map_err(HubError::Store)?;
        if options.demo {
            demo::ensure(data.path(), &store).await?;
        }
        let certificate = certificate(&options, &data)?;
        let listener = TcpListener::bind(options.listen).await;
        let listen_failed = |source| HubError::Listen { address: options.listen, source };
        let listener = listener.map_err(listen_failed)?;
        let address = listener.local_addr().map_err(listen_failed)?;
        let url = url(address, certificate.is_some());
        let fingerprint = certificate.as_ref().map(|one| one.fingerprint.clone());

        let (closing, ending) = (CancellationToken::new(), CancellationToken::new());
        let (wishes, wishes_in) = mpsc::channel(options.inbox);
        let (news, news_in) = mpsc::channel(options.inbox);
        let core = CoreHandle::new(wishes, news);
        let (fanout, directory) = (Arc::new(Fanout::new()), Arc::new(Directory::default()));
        let connections = Arc::new(Connections::default());
        let works = TaskTracker::new();
        let tunnels = Arc::new(Tunnels::default());
        let forge_ways = ForgeWays::open(
            &data.ways(),
            Arc::clone(&tunnels),
            store.clone(),
            works.clone(),
            ending.clone(),
        );
        let forge_ways =
            forge_ways.map_err(|source| HubError::DataDirectory { path: data.ways(), source })?;
        let forge_logins = Arc::new(ForgeLogins::new(
            Arc::clone(&credentials),
            Arc::clone(&forge_ways),
            store.clone(),
            core.clone(),
            works.clone(),
            ending.clone(),
        ));
        let forges = Arc::new(Forges::new(
            Arc::clone(&credentials),
            Arc::clone(&forge_logins),
            Arc::clone(&forge_ways),
        ));
        let publisher = Arc::new(Publisher::new(
            Arc::clone(&credentials),
            Arc::clone(&forges),
            store.clone(),
            options.public_url.clone(),
            (options.publish_retry, options.review_poll.max(options.publish_retry)),
        ));
        let vaults =
            Arc::new(Vaults::new(Arc::clone(&credentials), options.service_account.clone()));
        let intake = Intake::new(store.clone(), blobs.clone(), Arc::clone(&forges));
        let intake = Arc::new(intake);
        let gate = Gate::new(&owner, &options.access, address, options.public_url.as_deref());
        let sessions = Arc::new(Sessions::new(gate, store.clone()));
        let page_url = options.public_url.as_deref().unwrap_or(&url).trim_end_matches('/');
        let page_url = page_url.to_owned();
        let reach = Reach {
            store: store.clone(),
            fanout: Arc::clone(&fanout),
            directory: Arc::clone(&directory),
            connections: Arc::clone(&connections),
            publisher: Arc::clone(&publisher),
            granter: Granter::new(Arc::clone(&credentials)),
            permits: Permits {
                forges: Arc::clone(&forges),
                core: core.clone(),
                works: works.clone(),
                stop: ending.clone(),
            },
            vaults: Arc::clone(&vaults),
            intake: Arc::clone(&intake),
            options,
        };
        let engine = Box::pin(Core::open(reach, wishes_in, news_in, ending.clone())).await;
        let engine = engine.map_err(HubError::Store)?;
        // The last thing that can fail: from here on there are tasks. Whoever
        // reads the address and is faster than we are waits in the backlog.
        data.write_address(&url, fingerprint.as_deref())?;
        works.spawn(engine.run());
        works.spawn(publisher.run(core.clone(), ending.clone()));
        works.spawn(Arc::clone(&forge_logins).run());
        works.spawn(Arc::clone(&intake).run(core.clone(), ending.clone()));
        works.spawn(Arc::clone(&vaults).run(core.clone(), ending.clone()));

        let sockets = TaskTracker::new();
        let parts = Arc::new(Parts {
            store: store.clone(),
            diffs: Diffs::new(blobs.clone()),
            blobs,
            films,
            fanout,
            directory,
            connections,
            credentials,
            vaults,
            tunnels,
            forge_ways,
            core,
            sessions: Arc::clone(&sessions),
            web: Web::embedded(),
            url: url.clone(),
            page_url: page_url.clone(),
            fingerprint: fingerprint.clone(),
            sockets: sockets.clone(),
            stop: closing.clone(),
            forges,
            forge_logins,
            intake,
            deliveries: Semaphore::new(hooks::AT_ONCE),
            event_streams: Arc::new(Semaphore::new(EVENT_STREAMS)),
        });
        let router = http::router(parts);
        let doors = TaskTracker::new();
        let tls = certificate.map(|one| one.acceptor);
        doors.spawn(listen::serve(listener, tls, router, closing.clone()));
        tracing::info!(url, "the hub serves");
        Ok(Running {
            address,
            url,
            token_path,
            fingerprint,
            page_url,
            data,
            store,
            sessions,
            closing,
            sockets,
            doors,
            ending,
            works,
        })
    }
}

impl Running {
    /// A link that signs one browser in as the hub's owner, for five minutes.
    pub async fn sign_in_link(&self) -> Result<Secret, Problem> {
        sessions::owner_link(&self.sessions, &self.page_url).await
    }

    /// Stops accepting, commits what was taken in, and closes; within about
    /// ten seconds, whatever the peers do.
    pub async fn stop(self) {
        self.data.remove_address();
        self.closing.cancel();
        self.sockets.close();
        self.doors.close();
        let doors = async {
            self.sockets.wait().await;
            self.doors.wait().await;
        };
        if tokio::time::timeout(STEP, doors).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        self.ending.cancel();
        self.works.close();
        if tokio::time::timeout(STEP, self.works.wait()).await.is_err() {
            tracing::warn!("the last commit did not end in time; nothing of it was acknowledged");
        }
        self.store.close().await;
        tracing::info!("the hub has stopped");
    }
}

/// The token that was given, or the file's. A given one leaves no file: what
/// an earlier life left is worth nothing any more, or stands there in clear.
fn owner_token(
    options: &HubOptions,
    data: &DataDirectory,
) -> Result<(Secret, Option<PathBuf>), HubError> {
    if let Some(given) = &options.owner_token {
        data.remove_owner_token()?;
        return Ok((given.clone(), None));
    }
    let owner = pilot_secrets::owner_token(data.path()).map_err(secrets)?;
    if owner.tightened && !owner.created {
        tracing::warn!("the owner token was open to others; it no longer is");
    }
    Ok((owner.token, Some(data.owner_token())))
}

async fn credentials(options: &HubOptions, data: &DataDirectory) -> Result<Credentials, HubError> {
    let (directory, wanted) = (data.path().to_owned(), options.credentials.clone());
    let opened = tokio::task::spawn_blocking(move || Credentials::open(&directory, &wanted)).await;
    opened.map_err(|error| HubError::Secrets(Box::new(error)))?.map_err(HubError::Credentials)
}

/// A URL may hold only so many letters; a path may hold any.
fn sqlite_url(database: &Path) -> String {
    match url::Url::from_file_path(database) {
        Ok(url) => url.as_str().replacen("file://", "sqlite://", 1),
        // Only for a path that is not absolute, and ours is.
        Err(()) => format!("sqlite://{}", database.display()),
    }
}

fn check(options: &HubOptions) -> Result<(), HubError> {
    let wrong = |reason: String| Err(HubError::Options { reason });
    if let Some(url) = &options.public_url {
        match url::Url::parse(url) {
            Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => {}
            Ok(_) | Err(_) => {
                return wrong(format!("the public URL `{url}` is not one of a web page"));
            }
        }
    }
    if options.owner_token.as_ref().is_some_and(|token| token.expose().len() < MIN_TOKEN) {
        return wrong("the owner token that was given is too short to be one".to_owned());
    }
    if options.access.iter().any(|access| access.token.is_empty()) {
        return wrong("an access token is empty".to_owned());
    }
    if options.inbox == 0 || options.review_poll.is_zero() || options.publish_retry.is_zero() {
        return wrong("a bound or a wait of the hub is zero".to_owned());
    }
    Ok(())
}

fn certificate(
    options: &HubOptions,
    data: &DataDirectory,
) -> Result<Option<Certificate>, HubError> {
    // Plain HTTP is for this machine only.
    if options.listen.ip().is_loopback() {
        return Ok(None);
    }
    tls::certificate(data.path()).map(Some)
}

fn url(address: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    let ip = if address.ip().is_unspecified() { own_ip(address) } else { address.ip() };
    format!("{scheme}://{}", SocketAddr::new(ip, address.port()))
}

/// The address under which other machines most likely reach this one. No
/// packet is sent: connecting a datagram socket only picks a route.
fn own_ip(listen: SocketAddr) -> std::net::IpAddr {
    let routed = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        // TEST-NET-1, which belongs to nobody.
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    });
    match routed {
        Ok(address) => address.ip(),
        Err(error) => {
            tracing::warn!(%listen, %error, "this machine has no route out; join codes name loopback");
            Ipv4Addr::LOCALHOST.into()
        }
    }
}

fn secrets(error: pilot_secrets::SecretsError) -> HubError {
    HubError::Secrets(Box::new(error))
}
