//! The hub and the runner of this machine, in this process.
//!
//! ```text
//! Starting ──keys──> Locked ──retry──> Starting ──> Running
//!                                         └───────> Failed ──retry──> Starting
//! ```
//!
//! Runs are not here: each is in a shim of its own, which goes on when this
//! process ends, and is found again by the next one's runner.
//!
//! **Invariant:** there is one hub per data directory. Where another process
//! runs it already (`pilot up`), the window is a console of that one.

use crate::folder::Folder;
use crate::keys::{Keychain, Keys, NoKey};
use crate::surroundings;
use pilot_client::{Client, Endpoint};
use pilot_hub::{Hub, HubOptions};
use pilot_proto::console::{JoinCodeNew, NewJoinCode};
use pilot_proto::{Code, Problem};
use pilot_runner::daemon::{self, HubChoice, RunnerOptions, ShimCommand};
use serde::Serialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use tokio::sync::{Mutex, watch};

/// How the hub is, as the pages see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum LocalHubState {
    /// It is being started.
    Starting,
    /// It serves.
    Running,
    /// Its keys cannot be had yet: a person has to unlock something.
    Locked {
        /// How the keychain is.
        keychain: Keychain,
    },
    /// It does not start.
    Failed {
        /// Why.
        problem: Problem,
    },
}

/// The hub's life in this process.
#[derive(Debug)]
pub(crate) struct LocalHub {
    folder: Folder,
    workers: u32,
    state: watch::Sender<LocalHubState>,
    life: Mutex<Life>,
}

#[derive(Debug, Default)]
struct Life {
    hub: Option<pilot_hub::Running>,
    runner: Option<daemon::Running>,
    /// Kept beside the hub: where it is another process's, this is all.
    endpoint: Option<Endpoint>,
}

impl LocalHub {
    /// Not started yet; its runner will have so many workers.
    pub(crate) fn new(folder: Folder, workers: Option<u32>) -> Self {
        let (state, _) = watch::channel(LocalHubState::Starting);
        let workers = workers.unwrap_or_else(one_per_core).max(1);
        Self { folder, workers, state, life: Mutex::default() }
    }

    /// How it is.
    pub(crate) fn state(&self) -> LocalHubState {
        self.state.borrow().clone()
    }

    /// How it is, and its states from now on.
    pub(crate) fn states(&self) -> watch::Receiver<LocalHubState> {
        let mut states = self.state.subscribe();
        states.mark_changed();
        states
    }

    /// Has those who follow its states hear the present one again.
    pub(crate) fn tell_again(&self) {
        self.state.send_modify(|_| ());
    }

    /// The way in, while it serves.
    pub(crate) async fn endpoint(&self) -> Result<Endpoint, Problem> {
        let endpoint = self.life.lock().await.endpoint.clone();
        endpoint.ok_or_else(|| match self.state() {
            LocalHubState::Failed { problem } => problem,
            LocalHubState::Locked { .. } => {
                Problem::new(Code::Precondition, "This machine's hub waits for the keychain.")
                    .hint("Unlock the keychain, or set a passphrase for the sealed file.")
            }
            LocalHubState::Starting | LocalHubState::Running => {
                // A page tries again by itself.
                Problem::new(Code::RepositoryUnreachable, "This machine's hub is being started.")
            }
        })
    }

    /// Starts it, unless it runs. Never fails: the state tells.
    pub(crate) async fn start(&self, keys: &Keys) {
        let mut life = self.life.lock().await;
        if life.endpoint.is_some() {
            return;
        }
        self.state.send_replace(LocalHubState::Starting);
        let began = std::time::Instant::now();
        match self.bring_up(&mut life, keys).await {
            Ok(()) => {
                tracing::info!(millis = began.elapsed().as_millis(), "this machine's hub serves");
                self.state.send_replace(LocalHubState::Running);
                let ours = life.hub.is_some();
                // The pages need the hub alone, and wait for this lock.
                drop(life);
                if ours {
                    self.add_runner().await;
                }
            }
            Err(NoKey::Locked(keychain)) => {
                tracing::warn!(?keychain, "this machine's hub waits for its keys");
                self.state.send_replace(LocalHubState::Locked { keychain });
            }
            Err(NoKey::Failed(problem)) => {
                tracing::error!(%problem, "this machine's hub does not start");
                self.state.send_replace(LocalHubState::Failed { problem });
            }
        }
    }

    /// Ends runner and hub; the runs go on in their shims.
    pub(crate) async fn stop(&self) {
        let mut life = self.life.lock().await;
        life.endpoint = None;
        if let Some(runner) = life.runner.take() {
            runner.stop().await;
        }
        if let Some(hub) = life.hub.take() {
            hub.stop().await;
        }
    }

    async fn bring_up(&self, life: &mut Life, keys: &Keys) -> Result<(), NoKey> {
        if let Some(endpoint) = self.found().await {
            tracing::info!(url = endpoint.url, "another process runs this machine's hub");
            life.endpoint = Some(endpoint);
            return Ok(());
        }
        let keys = keys.for_hub().await?;
        let mut options =
            HubOptions::new(self.folder.hub(), SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0));
        options.demo = true;
        options.owner_token = Some(keys.owner_token.clone());
        options.credentials = keys.credentials;
        let hub = Hub::start(options).await.map_err(|error| NoKey::Failed(error.problem()))?;
        life.endpoint = Some(Endpoint {
            url: hub.url.clone(),
            token: keys.owner_token,
            fingerprint: hub.fingerprint.clone(),
        });
        life.hub = Some(hub);
        Ok(())
    }

    /// Starts the runner of the hub that runs, unless that is told to stop
    /// meanwhile. A hub without a runner is of use: there may be others.
    async fn add_runner(&self) {
        let Some(endpoint) = self.life.lock().await.endpoint.clone() else { return };
        let runner = match self.start_runner(&endpoint).await {
            Ok(runner) => runner,
            Err(problem) => {
                return tracing::error!(%problem, "this machine's runner does not start");
            }
        };
        let mut life = self.life.lock().await;
        if life.endpoint.as_ref().is_some_and(|now| now.url == endpoint.url) {
            life.runner = Some(runner);
        } else {
            drop(life);
            runner.stop().await;
        }
    }

    /// The hub of another process, where one serves: it has keys and a runner
    /// of its own.
    async fn found(&self) -> Option<Endpoint> {
        let endpoint = pilot_client::discovered(self.folder.path()).ok()??;
        // What a killed process left behind does not answer.
        Client::new(&endpoint).ok()?.greet().await.ok()?;
        Some(endpoint)
    }

    async fn start_runner(&self, endpoint: &Endpoint) -> Result<daemon::Running, Problem> {
        let data = self.folder.runner();
        let hub = match daemon::enrolled_at(&data) {
            // A runner of a hub elsewhere, which has a certificate, stays there.
            Some(url) if url.starts_with("https://") => HubChoice::Saved,
            Some(_) => HubChoice::Moved(endpoint.url.clone()),
            None => {
                let client = Client::new(endpoint)?;
                let made = client.call::<JoinCodeNew>(NewJoinCode::default()).await?;
                HubChoice::Join(daemon::join_code(made.code.expose())?)
            }
        };
        let options = RunnerOptions {
            data,
            hub,
            name: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            workers: self.workers,
            once: false,
            shim: ShimCommand { program: shim_program()?, args: vec!["shim".into()] },
            environment: surroundings::variables(),
        };
        daemon::start(options).await.map_err(|error| error.problem())
    }
}

fn one_per_core() -> u32 {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    u32::try_from(cores).unwrap_or(u32::MAX).max(2)
}

/// `pilot` beside this program, which is small; otherwise this program itself.
fn shim_program() -> Result<PathBuf, Problem> {
    let this = std::env::current_exe().map_err(|error| {
        Problem::new(Code::Internal, format!("This program does not find itself: {error}."))
    })?;
    Ok(beside(&this).unwrap_or(this))
}

fn beside(program: &Path) -> Option<PathBuf> {
    let pilot = program.with_file_name("pilot");
    pilot.is_file().then_some(pilot)
}
