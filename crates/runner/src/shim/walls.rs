//! The walls of the run and its gates: raised when the tree is there, lowered
//! before the workspace is wiped.
//!
//! ```text
//!   inside                     | outside, in the shim
//!   commands ──lo──> forwarder ─┼─sockets─> gate ──> network, as the policy says
//!   (placeholder key)          |           ├──────> model gateway (the real key)
//!                              |           └──────> git broker (the forge's token)
//! ```

use super::desk::{self, Door};
use super::gates::{self, Gates, Reached, Voices};
use super::screen::{Display, display};
use super::secrets::SecretFile;
use super::steps::{disk, word};
use super::workspace::{SharedWorkspace, Workspace};
use crate::clock::SteadyClock;
use crate::inside as init;
use pilot_egress::gate::Gate;
use pilot_egress::git::Broker;
use pilot_egress::inside;
use pilot_egress::model::{self, Gateway};
use pilot_proto::project::{GitGrant, ProviderGrant};
use pilot_proto::walls::{WallsKind, WallsReport};
use pilot_proto::{Code, Event, Problem};
use pilot_sandbox::walls::{Plan, Survey, Walls, reachable};
use pilot_sandbox::{Agent, Doomed, Environment, Exit, Launch, SpawnError};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Behind the three that every process has.
const FIRST_DESCRIPTOR: u32 = 3;

/// Between two looks at a process that was asked to end.
const PAUSE: Duration = Duration::from_millis(20);

/// A run's walls, with everything that has to do with their gates.
pub(super) struct Standing {
    walls: Walls,
    workspace: SharedWorkspace,
    gate: Option<Gate>,
    gateway: Option<Gateway>,
    reviewers: Option<Gateway>,
    reached: Reached,
    broker: Option<Broker>,
    budget_micros: AtomicU64,
    /// What the agent is given instead of the provider's grant.
    provider: Option<ProviderGrant>,
    /// What the reviewing agent is given.
    reviewers_provider: Option<ProviderGrant>,
    environment: Vec<(String, String)>,
    /// Where the run's socket is, inside.
    socket: Option<PathBuf>,
    /// Where programs find their screen.
    display: Option<Display>,
    stop: CancellationToken,
    /// The gates at work.
    tasks: Mutex<JoinSet<()>>,
}

/// Cheap to clone.
pub(super) type SharedWalls = Arc<Standing>;

/// Raises the walls of a run. Its tree has to be there.
pub(super) async fn raise(
    workspace: &SharedWorkspace,
    survey: &Survey,
    voices: &Voices,
    clock: SteadyClock,
) -> Result<SharedWalls, Problem> {
    if let Some(problem) = workspace.secrets.problem() {
        return Err(problem.clone());
    }
    let apart = has_network_of_its_own(workspace, survey);
    let mut gates = gates::open(workspace, voices, clock, apart).await?;
    let unraised = |error| disk(Code::WorkspaceFailed, "The walls cannot be raised", &error);
    let door = door(workspace, voices, apart).map_err(unraised)?;
    let plan = plan(workspace, &mut gates, door.as_ref()).map_err(unraised)?;
    let walls = Walls::raise(plan, survey).await.map_err(|error| error.problem())?;
    let socket = door.as_ref().map(Door::inside);
    // Where there can be no socket there is no screen.
    let display = socket.as_ref().map_or(Ok(None), |_| display(workspace)).map_err(unraised)?;
    if let Some(door) = door {
        gates.tasks.spawn(door.serve(gates.stop.clone()));
    }
    let provider = workspace.spec.provider.as_ref().zip(gates.gateway.as_ref());
    let provider = provider
        .map(|(grant, gateway)| model::placeholder(grant.kind, gates.model_port, gateway.key()));
    let reviewer = workspace.spec.review.iter().find_map(|reviewer| reviewer.provider.as_ref());
    let reviewer = reviewer.zip(gates.reviewers.as_ref());
    let reviewers_provider = reviewer
        .map(|(grant, gateway)| model::placeholder(grant.kind, gates.model_port, gateway.key()));
    let standing = Standing {
        walls,
        workspace: workspace.clone(),
        gate: gates.gate,
        gateway: gates.gateway,
        reviewers: gates.reviewers,
        reached: gates.reached,
        broker: gates.broker,
        reviewers_provider,
        budget_micros: AtomicU64::new(workspace.spec.limits.budget_micros.unwrap_or(u64::MAX)),
        provider,
        environment: gates.environment,
        socket,
        display,
        stop: gates.stop,
        tasks: Mutex::new(gates.tasks),
    };
    standing.hand_out_files().await?;
    Ok(Arc::new(standing))
}

/// Whether the run will have a network namespace, in which its gates are the
/// only way out.
fn has_network_of_its_own(workspace: &Workspace, survey: &Survey) -> bool {
    match workspace.spec.walls.kind {
        WallsKind::Bubblewrap => true,
        WallsKind::Auto | WallsKind::Unknown => survey.without_bubblewrap().is_none(),
        WallsKind::Landlock | WallsKind::Container | WallsKind::Off => false,
    }
}

/// The run's socket, where its processes can come by one; a trial has none.
fn door(workspace: &Workspace, voices: &Voices, apart: bool) -> io::Result<Option<Door>> {
    let open = workspace.spec.walls.kind == WallsKind::Off;
    if workspace.spec.repo.is_empty() || !(apart || open) {
        return Ok(None);
    }
    desk::open(workspace, voices.inside.clone(), apart).map(Some)
}

fn plan(workspace: &Workspace, gates: &mut Gates, door: Option<&Door>) -> io::Result<Plan> {
    let dir = &workspace.dir;
    let state = dir.walls();
    std::fs::create_dir_all(&state)?;
    let path = workspace.programs.path_of(&workspace.spec.agent);
    let mut readable = reachable(&path);
    if let Some(reviewer) = &workspace.spec.review {
        readable.extend(reachable(&workspace.programs.path_of(&reviewer.pass.agent)));
    }
    readable.push(workspace.pilot.clone());
    readable.push(dir.attachments());
    readable.extend(workspace.certificates());
    readable.extend(workspace.shared());
    readable.extend(workspace.rust_toolchains());
    let mut files = BTreeMap::new();
    if gates.gate.is_some() {
        let text = inside::RESOLV_CONF.as_bytes().to_vec();
        files.insert(PathBuf::from("/etc/resolv.conf"), text);
    }
    let mut program = vec![workspace.pilot.clone().into(), init::COMMAND.into()];
    program.extend(gates.gate.iter().map(|_| init::APART.into()));
    Ok(Plan {
        run: workspace.spec.run,
        wish: workspace.spec.walls,
        home: dir.home(),
        writable: vec![dir.tree(), dir.home(), dir.tmp(), dir.artifacts()],
        readable,
        files,
        inside: program,
        sockets: door.and_then(Door::shown).into_iter().collect(),
        gates: gates.uplink.take().into_iter().collect(),
        ports: gates.ports.clone(),
        state,
    })
}

impl Standing {
    /// What holds and what does not.
    pub(super) fn report(&self) -> &WallsReport {
        self.walls.report()
    }

    /// Starts a command inside, with the descriptors that the project promises.
    pub(super) async fn spawn(&self, launch: &Launch) -> Result<Agent, SpawnError> {
        let mut launch = launch.clone();
        let mut script = String::from("exec \"$@\"");
        for (number, (path, variable)) in
            (FIRST_DESCRIPTOR..).zip(self.workspace.secrets.descriptors())
        {
            // Its letters are a secret's name's: none that a shell knows.
            script.push_str(&format!(
                " {number}<'{}'",
                self.secrets_directory().join(path).display()
            ));
            launch.env.set(variable, number.to_string());
        }
        if script.ends_with('\'') {
            let command = std::iter::once(launch.program).chain(launch.args);
            launch.args =
                ["-c".into(), script.into(), "sh".into()].into_iter().chain(command).collect();
            launch.program = "/bin/sh".into();
        }
        self.walls.spawn(&launch).await
    }

    /// Where secrets lie that come as files: in memory.
    fn secrets_directory(&self) -> PathBuf {
        PathBuf::from(format!("/dev/shm/pilothouse-{}", self.workspace.spec.run))
    }

    /// Writes the secrets that come as files, from within.
    async fn hand_out_files(&self) -> Result<(), Problem> {
        for file in self.workspace.secrets.files() {
            self.hand_out(&file).await.map_err(|error| {
                let message =
                    format!("The secret file `{}` cannot be written: {error}.", file.path);
                Problem::new(Code::WorkspaceFailed, message)
            })?;
        }
        Ok(())
    }

    async fn hand_out(&self, file: &SecretFile<'_>) -> io::Result<()> {
        const WRITE: &str =
            "umask 077 && mkdir -p -- \"${1%/*}\" && cat > \"$1\" && chmod \"$2\" -- \"$1\"";
        let path = self.secrets_directory().join(&file.path);
        let mode = format!("{:o}", file.mode & 0o777);
        let launch = Launch {
            program: "/bin/sh".into(),
            args: vec!["-c".into(), WRITE.into(), "sh".into(), path.into(), mode.into()],
            env: self.workspace.environment(),
            cwd: self.workspace.dir.tmp(),
        };
        let mut process = self.walls.spawn(&launch).await.map_err(io::Error::other)?;
        if let Some(mut input) = process.stdin.take() {
            input.write_all(file.value.expose().as_bytes()).await?;
        }
        match process.wait().await? {
            Exit::Code(0) => Ok(()),
            other => Err(io::Error::other(format!("the shell ended with {other:?}"))),
        }
    }

    /// The environment of what runs inside: the workspace's, the ways to the
    /// gates, and the secrets. What leads around the gates leads nowhere inside.
    pub(super) fn environment(&self) -> Environment {
        let mut environment = self.workspace.environment();
        if self.gate.is_some() {
            for name in pilot_sandbox::environment::PROXIES {
                environment.set(*name, "");
            }
        }
        environment.extend(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(socket) = &self.socket {
            environment.set(desk::VARIABLE, socket);
            environment.set(desk::PROGRAM, &self.workspace.pilot);
        }
        self.display.iter().for_each(|display| display.furnish(&mut environment));
        self.workspace.secrets.furnish(&mut environment, &self.secrets_directory());
        environment
    }

    /// Where the run's socket is, inside.
    pub(super) fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Programs inside can make a screen's sockets.
    pub(super) fn shows_a_screen(&self) -> bool {
        self.display.is_some()
    }

    /// What the agent logs in to its model with: never the real key.
    pub(super) fn provider(&self) -> Option<ProviderGrant> {
        self.provider.clone()
    }

    /// Asks a process to end, and ends it and whatever it started with force
    /// when `grace` is over.
    pub(super) async fn end(&self, process: pilot_sandbox::Process, grace: Duration) {
        if self.walls.init().is_some() {
            process.ask_to_end();
            let gone = async {
                while process.is_alive() {
                    tokio::time::sleep(PAUSE).await;
                }
            };
            // Whether it went by itself or not, the rest is ended now.
            tokio::time::timeout(grace, gone).await.ok();
        }
        self.clear(process, grace).await;
    }

    /// Ends what runs inside and keeps the walls. `root` was started for the run.
    pub(super) async fn clear(&self, root: pilot_sandbox::Process, grace: Duration) {
        let result = if self.walls.init().is_some() {
            self.walls.clear().await
        } else {
            let doomed = Doomed { run: self.workspace.spec.run, roots: vec![root], adopted: true };
            Ok(pilot_sandbox::kill_run(&doomed, grace).await.left.len())
        };
        match result {
            Ok(0) => {}
            Ok(left) => tracing::error!(left, "processes of the run cannot be killed"),
            Err(error) => tracing::error!(%error, "the walls do not answer"),
        }
    }

    /// Ends whatever runs inside, where the walls can tell it from us.
    pub(super) async fn empty(&self) {
        if self.walls.init().is_none() {
            return;
        }
        match self.walls.clear().await {
            Ok(0) => {}
            Ok(left) => tracing::error!(left, "processes of the run cannot be killed"),
            Err(error) => tracing::error!(%error, "the walls do not answer"),
        }
    }

    /// Whether orphans of the run end up with us.
    pub(super) fn leaves_orphans(&self) -> bool {
        self.walls.init().is_none()
    }

    /// From now on models are reached with the reviewer's login, which this is
    /// inside. Both agents draw on one budget.
    pub(super) fn let_review(&self) -> Option<ProviderGrant> {
        self.share_budget();
        self.reached.set(self.reviewers.as_ref());
        self.reviewers_provider.clone()
    }

    /// From now on they are reached with the agent's own login again.
    pub(super) fn end_review(&self) {
        self.share_budget();
        self.reached.set(self.gateway.as_ref());
    }

    /// What runs inside fetches with this login from now on, without seeing it.
    pub(super) fn renew_login(&self, grant: &GitGrant) {
        if let Some(Err(error)) = self.broker.as_ref().map(|broker| broker.renew(grant)) {
            tracing::warn!(%error, "the agent's git keeps the login that it had");
        }
    }

    /// Lets a host be reached from now on. In words for the log if it cannot.
    pub(super) fn allow(&self, rule: &str) -> Option<Event> {
        let gate = self.gate.as_ref()?;
        match gate.allow(rule) {
            Ok(()) => Some(word(format!("From now on `{rule}` may be reached."))),
            Err(error) => Some(word(format!("`{rule}` could not be allowed: {error}."))),
        }
    }

    /// Lets the agent's calls to models cost so much more.
    pub(super) fn raise_budget(&self, micros: u64) {
        let raise = |before: u64| Some(before.saturating_add(micros));
        let order = Ordering::Relaxed;
        if self.budget_micros.fetch_update(order, order, raise).is_ok() {
            self.share_budget();
        }
    }

    /// What one agent has spent in this run, the other cannot spend.
    fn share_budget(&self) {
        let spec = &self.workspace.spec;
        if spec.limits.budget_micros.is_none() {
            return;
        }
        let budget = self.budget_micros.load(Ordering::Relaxed);
        let spent = |gateway: &Option<Gateway>| {
            let spent = gateway.as_ref().map_or(0, |gateway| gateway.spent().task_micros);
            spent.saturating_sub(spec.spent_micros)
        };
        for (one, other) in [(&self.gateway, &self.reviewers), (&self.reviewers, &self.gateway)] {
            if let Some(gateway) = one {
                gateway.raise_budget(budget.saturating_sub(spent(other)));
            }
        }
    }

    /// From now on calls to models count for a new turn.
    pub(super) fn begin_turn(&self) {
        self.gateway.iter().for_each(Gateway::begin_turn);
    }

    /// Ends everything inside, closes the gates, and takes the walls down.
    pub(super) async fn lower(&self) {
        let shared = self.walls.init().is_none() || self.gate.is_none();
        self.walls.lower().await;
        if shared && self.workspace.secrets.files().next().is_some() {
            // Where memory's file system is the machine's, nobody takes it along.
            drop(std::fs::remove_dir_all(self.secrets_directory()));
        }
        self.stop.cancel();
        let mut tasks = self.tasks.lock().await;
        while tasks.join_next().await.is_some() {}
        for gateway in self.gateway.iter().chain(&self.reviewers) {
            gateway.finish().await;
        }
    }
}
