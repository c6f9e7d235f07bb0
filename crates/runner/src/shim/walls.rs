//! The walls of the run and its gates: raised when the tree is there, lowered
//! before the workspace is wiped.
//!
//! ```text
//!   inside                     | outside, in the shim
//!   commands ──lo──> forwarder ─┼─sockets─> gate ──> network, as the policy says
//!   (placeholder key)          |           ├──────> model gateway (the real key)
//!                              |           └──────> git broker (the forge's token)
//! ```

use super::secrets::SecretFile;
use super::steps::word;
use super::workspace::{SharedWorkspace, Workspace};
use crate::clock::SteadyClock;
use crate::inside as init;
use crate::run_dir::beneath;
use pilot_egress::gate::{Arrival, Doors, Gate, News, Options};
use pilot_egress::model::{self, Gateway, Patience, Settings};
use pilot_egress::outside::System;
use pilot_egress::policy;
use pilot_egress::uplink::Uplink;
use pilot_egress::{git, inside};
use pilot_proto::model::ModelCall;
use pilot_proto::network::{GateMode, NetworkPolicy};
use pilot_proto::project::ProviderGrant;
use pilot_proto::walls::WallsKind;
use pilot_proto::{Code, Event, Problem};
use pilot_sandbox::walls::{Plan, Survey, Walls, WallsError, reachable};
use pilot_sandbox::{Agent, Doomed, Environment, Exit, Launch, SpawnError};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// News of the gate that wait for the journal. Beyond them the gate counts.
const NEWS: usize = 512;
/// Calls to models that wait for the journal: more than agents make at once.
const CALLS: usize = 64;
/// Connections on their way to the gateway or the broker.
const ARRIVALS: usize = 64;

/// Connections to the gateway or the broker that are served at once: an agent
/// with a dozen subagents has half as many.
const AT_ONCE: usize = 32;
/// The broker's decisions are numbered from here, and the gate's from 1.
const BROKERED: u64 = 1 << 32;
/// What git shows inside when the agent pushes.
const WE_PUSH: &str = "Pilothouse pushes this branch itself when the run has ended and its work is \
    accepted. Leave your commits in the tree.";

/// Behind the three that every process has.
const FIRST_DESCRIPTOR: u32 = 3;

/// Between two looks at a process that was asked to end.
const PAUSE: Duration = Duration::from_millis(20);

/// What the gates tell the shim.
pub(super) enum Said {
    /// The network gate.
    Gate(News),
    /// A call to a model ended.
    Called(ModelCall),
    /// The gateway's own news.
    Model(model::News),
}

/// Where the shim hears its gates.
pub(super) struct Ears {
    gate: mpsc::Receiver<News>,
    calls: mpsc::Receiver<ModelCall>,
    model: mpsc::Receiver<model::News>,
}

/// What the gates tell through.
#[derive(Clone)]
pub(super) struct Voices {
    gate: mpsc::Sender<News>,
    calls: mpsc::Sender<ModelCall>,
    model: mpsc::Sender<model::News>,
}

/// Both ends.
pub(super) fn line() -> (Voices, Ears) {
    let (gate, from_gate) = mpsc::channel(NEWS);
    let (calls, from_calls) = mpsc::channel(CALLS);
    let (model, from_model) = mpsc::channel(CALLS);
    (Voices { gate, calls, model }, Ears { gate: from_gate, calls: from_calls, model: from_model })
}

impl Ears {
    /// The next that they say. Its senders are as old as the shim: it never ends.
    pub(super) async fn next(&mut self) -> Said {
        tokio::select! {
            Some(news) = self.model.recv() => Said::Model(news),
            Some(call) = self.calls.recv() => Said::Called(call),
            Some(news) = self.gate.recv() => Said::Gate(news),
            else => std::future::pending().await,
        }
    }

    /// What is there already.
    pub(super) fn try_next(&mut self) -> Option<Said> {
        let model = self.model.try_recv().ok().map(Said::Model);
        let called = || self.calls.try_recv().ok().map(Said::Called);
        model.or_else(called).or_else(|| self.gate.try_recv().ok().map(Said::Gate))
    }
}

/// A run's walls, with everything that has to do with their gates.
pub(super) struct Standing {
    walls: Walls,
    workspace: SharedWorkspace,
    gate: Option<Gate>,
    gateway: Option<Gateway>,
    budget_micros: AtomicU64,
    /// What the agent is given instead of the provider's grant.
    provider: Option<ProviderGrant>,
    environment: Vec<(String, String)>,
    stop: CancellationToken,
    /// The gates at work.
    tasks: Mutex<JoinSet<()>>,
}

/// Cheap to clone.
pub(super) type SharedWalls = Arc<Standing>;

/// The gates of a run, and what its processes are told of them.
#[derive(Default)]
struct Gates {
    gate: Option<Gate>,
    gateway: Option<Gateway>,
    /// The init's end of the way to the gate.
    uplink: Option<OwnedFd>,
    /// Ports of the machine's loopback at which they listen, on the tiers that
    /// share it.
    ports: Vec<u16>,
    model_port: u16,
    environment: Vec<(String, String)>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

/// Raises the walls of a run. Its tree has to be there.
pub(super) async fn raise(
    workspace: &SharedWorkspace,
    survey: &Survey,
    voices: &Voices,
    clock: SteadyClock,
) -> Result<(SharedWalls, Event), Problem> {
    if let Some(problem) = workspace.secrets.problem() {
        return Err(problem.clone());
    }
    let apart = has_network_of_its_own(workspace, survey);
    let mut gates = open_gates(workspace, voices, clock, apart).await?;
    let plan = plan(workspace, &mut gates).map_err(|error| {
        super::steps::disk(Code::WorkspaceFailed, "The walls cannot be raised", &error)
    })?;
    let walls = Walls::raise(plan, survey).await.map_err(|error| failed(&error))?;
    let report = Event::Walls(walls.report().clone());
    let provider = workspace.spec.provider.as_ref().zip(gates.gateway.as_ref());
    let provider = provider
        .map(|(grant, gateway)| model::placeholder(grant.kind, gates.model_port, gateway.key()));
    let standing = Standing {
        walls,
        workspace: workspace.clone(),
        gate: gates.gate,
        gateway: gates.gateway,
        budget_micros: AtomicU64::new(workspace.spec.limits.budget_micros.unwrap_or(u64::MAX)),
        provider,
        environment: gates.environment,
        stop: gates.stop,
        tasks: Mutex::new(gates.tasks),
    };
    standing.hand_out_files().await?;
    Ok((Arc::new(standing), report))
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

/// What the gate goes by. Also where a person switched it off it stands, since
/// the namespace has no other way out; then it lets everything through that
/// the machine itself reaches.
fn network_policy(workspace: &Workspace) -> NetworkPolicy {
    let wished = &workspace.spec.network;
    if wished.gate != GateMode::Off {
        return wished.clone();
    }
    let everything = ["0.0.0.0/0", "[::]/0"].map(str::to_owned);
    NetworkPolicy { allow: everything.into(), deny: Vec::new(), ..wished.clone() }
}

fn failed(error: &WallsError) -> Problem {
    error.problem()
}

async fn open_gates(
    workspace: &Workspace,
    voices: &Voices,
    clock: SteadyClock,
    apart: bool,
) -> Result<Gates, Problem> {
    let mut gates = Gates::default();
    let (to_model, models) = mpsc::channel(ARRIVALS);
    let (to_git, gits) = mpsc::channel(ARRIVALS);
    gates.gateway = gateway(workspace, voices, clock)?;
    if let Some(gateway) = &gates.gateway {
        gates.tasks.spawn(answer_models(gateway.clone(), models, gates.stop.clone()));
    }
    if apart {
        gates.model_port = inside::MODEL_PORT;
        let broker = broker(workspace, voices)?;
        if let Some(broker) = &broker {
            write_git_config(workspace, broker)?;
            gates.tasks.spawn(answer_git(broker.clone(), gits, gates.stop.clone()));
        }
        let doors =
            Doors { model: gates.gateway.as_ref().map(|_| to_model), git: broker.map(|_| to_git) };
        open_gate(workspace, voices, doors, &mut gates)?;
    } else if gates.gateway.is_some() {
        // The loopback is everybody's here: the run's own key is what keeps
        // others out.
        let refused = |error: io::Error| {
            Problem::new(
                Code::WorkspaceFailed,
                format!("The model gateway cannot listen: {error}."),
            )
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(refused)?;
        gates.model_port = listener.local_addr().map_err(refused)?.port();
        gates.ports.push(gates.model_port);
        gates.tasks.spawn(accept_models(listener, to_model, gates.stop.clone()));
    }
    Ok(gates)
}

fn gateway(
    workspace: &Workspace,
    voices: &Voices,
    clock: SteadyClock,
) -> Result<Option<Gateway>, Problem> {
    let spec = &workspace.spec;
    let Some(provider) = &spec.provider else { return Ok(None) };
    let news = voices.model.clone();
    let settings = Settings {
        providers: std::iter::once(provider).chain(&spec.fallbacks).cloned().collect(),
        prices: spec.prices.clone(),
        spent_micros: spec.spent_micros,
        budget_micros: spec.limits.budget_micros,
        patience: Patience::default(),
        calls: voices.calls.clone(),
        news: Arc::new(move |said| {
            // There are two kinds, each seldom: the queue is never full of them.
            if let Err(error) = news.try_send(said) {
                tracing::error!(%error, "news of the model gateway were lost");
            }
        }),
        clock: Arc::new(move || clock.now()),
    };
    Gateway::new(settings).map(Some).map_err(|error| {
        Problem::new(Code::WorkspaceFailed, format!("The model gateway cannot be opened: {error}."))
    })
}

fn open_gate(
    workspace: &Workspace,
    voices: &Voices,
    doors: Doors,
    gates: &mut Gates,
) -> Result<(), Problem> {
    let forge = host_of(&workspace.spec.repo);
    let policy = policy::compile(&network_policy(workspace), forge.as_slice())
        .map_err(|error| Problem::new(Code::Invalid, format!("The network policy: {error}.")))?;
    let options = Options {
        policy,
        outside: Arc::new(System),
        upstream: workspace.upstream(),
        doors,
        news: voices.gate.clone(),
    };
    let gate = Gate::new(options);
    let lost = |error: io::Error| {
        Problem::new(Code::WorkspaceFailed, format!("The gate cannot be opened: {error}."))
    };
    let (ours, theirs) = Uplink::pair().map_err(lost)?;
    let (uplink, stop, serving) =
        (Uplink::new(ours).map_err(lost)?, gates.stop.clone(), gate.clone());
    gates.tasks.spawn(async move {
        if let Err(error) = serving.serve(uplink, stop).await {
            tracing::error!(%error, "the gate broke");
        }
    });
    gates.gate = Some(gate);
    gates.uplink = Some(theirs);
    gates.environment =
        inside::environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(())
}

/// The broker of the run's own repository, where there is something to broker.
fn broker(workspace: &Workspace, voices: &Voices) -> Result<Option<git::Broker>, Problem> {
    // A trial has none.
    if workspace.spec.repo.is_empty() {
        return Ok(None);
    }
    let (news, number) = (voices.gate.clone(), AtomicU64::new(BROKERED));
    let settings = git::Settings {
        repo: workspace.spec.repo.clone(),
        grant: workspace.spec.git.clone(),
        branch: workspace.spec.branch.clone(),
        may_push: Arc::new(|| Err(WE_PUSH.to_owned())),
        decided: Arc::new(move |mut decision| {
            decision.id = number.fetch_add(1, Ordering::Relaxed);
            // A full queue means that the journal is behind: the gate's own
            // decisions say how many were lost.
            if news.try_send(News::Decided(decision)).is_err() {
                tracing::warn!("a decision of the git broker was not written down");
            }
        }),
    };
    match git::Broker::new(settings) {
        Ok(broker) => Ok(Some(broker)),
        Err(git::BrokerError::Local | git::BrokerError::Ssh) => Ok(None),
        Err(error) => {
            let message = format!("The git broker cannot be opened: {error}.");
            Err(Problem::new(Code::WorkspaceFailed, message))
        }
    }
}

/// Tells the git inside where its own repository is reached.
fn write_git_config(workspace: &Workspace, broker: &git::Broker) -> Result<(), Problem> {
    let mut text = String::new();
    for (key, value) in broker.config(inside::GIT_PORT) {
        let (section, rest) = key.split_once('.').unwrap_or((&key, ""));
        let (subsection, name) = rest.rsplit_once('.').unwrap_or(("", rest));
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let (subsection, value) = (quoted(subsection), quoted(&value));
        text.push_str(&format!("[{section} \"{subsection}\"]\n\t{name} = \"{value}\"\n"));
    }
    let home = workspace.dir.home();
    let written = beneath::create(&home, Path::new(".config/git/config"), 0o600)
        .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|error| {
        super::steps::disk(Code::WorkspaceFailed, "Git cannot be configured for the run", &error)
    })
}

/// Answers what comes in by git's door.
async fn answer_git(
    broker: git::Broker,
    mut arrivals: mpsc::Receiver<Arrival>,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            arrival = arrivals.recv(), if connections.len() < AT_ONCE => match arrival {
                Some(arrival) => {
                    let broker = broker.clone();
                    connections.spawn(async move { broker.serve(arrival.stream).await });
                }
                None => break,
            },
        }
    }
    connections.shutdown().await;
}

/// Answers what comes in by the model's door.
async fn answer_models(
    gateway: Gateway,
    mut arrivals: mpsc::Receiver<Arrival>,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            arrival = arrivals.recv(), if connections.len() < AT_ONCE => match arrival {
                Some(arrival) => {
                    let gateway = gateway.clone();
                    connections.spawn(async move { gateway.serve(arrival.stream).await });
                }
                None => break,
            },
        }
    }
    connections.shutdown().await;
}

/// The same where the run shares the machine's loopback.
async fn accept_models(
    listener: TcpListener,
    door: mpsc::Sender<Arrival>,
    stop: CancellationToken,
) {
    /// Out of descriptors, say: trying at once would only spin.
    const AGAIN: Duration = Duration::from_millis(100);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = accepted
            .and_then(|(stream, _)| stream.into_std())
            .and_then(pilot_egress::stream::Stream::new);
        match stream {
            Ok(stream) => {
                if door.send(Arrival { stream, process: None }).await.is_err() {
                    return;
                }
            }
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

fn plan(workspace: &Workspace, gates: &mut Gates) -> io::Result<Plan> {
    let dir = &workspace.dir;
    let state = dir.walls();
    std::fs::create_dir_all(&state)?;
    let path = workspace.programs.path_of(&workspace.spec.agent);
    let mut readable = reachable(&path);
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
        gates: gates.uplink.take().into_iter().collect(),
        ports: gates.ports.clone(),
        state,
    })
}

/// The host of the project's own repository.
fn host_of(repo: &str) -> Option<String> {
    let rest = repo.split_once("://").map_or(repo, |(_, rest)| rest);
    let authority = rest.split('/').next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    (!repo.starts_with('/') && !repo.starts_with("file:") && !host.is_empty())
        .then(|| host.to_owned())
}

impl Standing {
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

    /// Puts the ways to the gates into an environment. What leads around them
    /// leads nowhere inside.
    pub(super) fn furnish(&self, environment: &mut Environment) {
        if self.gate.is_some() {
            for name in pilot_sandbox::environment::PROXIES {
                environment.set(*name, "");
            }
        }
        environment.extend(self.environment.iter().map(|(name, value)| (name, value)));
        self.workspace.secrets.furnish(environment, &self.secrets_directory());
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

    /// Whether orphans of the run end up with us.
    pub(super) fn leaves_orphans(&self) -> bool {
        self.walls.init().is_none()
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
        let Some(gateway) = &self.gateway else { return };
        let before = self.budget_micros.fetch_add(micros, Ordering::Relaxed);
        gateway.raise_budget(before.saturating_add(micros));
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
        if let Some(gateway) = &self.gateway {
            gateway.finish().await;
        }
    }
}
