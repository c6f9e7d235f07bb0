//! The gates of a run, in its shim: what leaves the walls passes here. They are
//! opened before the walls are raised and closed when those are down.

use super::desk::{self, AtTheDoor, Counter, Talk};
use super::workspace::Workspace;
use crate::clock::SteadyClock;
use crate::run_dir::beneath;
use pilot_agents::claude::remote;
use pilot_egress::gate::{Arrival, Doors, Gate, News, Options};
use pilot_egress::model::{self, Gateway, Patience, Settings};
use pilot_egress::outside::System;
use pilot_egress::policy;
use pilot_egress::stream::Stream;
use pilot_egress::uplink::Uplink;
use pilot_egress::{git, inside};
use pilot_proto::model::ModelCall;
use pilot_proto::network::{GateMode, NetworkPolicy};
use pilot_proto::project::ProviderGrant;
use pilot_proto::{Code, Problem};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
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

/// What the gates tell the shim.
pub(super) enum Said {
    /// The network gate.
    Gate(News),
    /// A call to a model ended.
    Called(ModelCall),
    /// The gateway's own news.
    Model(model::News),
    /// Somebody inside wishes for something.
    Inside(AtTheDoor),
}

/// Where the shim hears its gates.
pub(super) struct Ears {
    gate: mpsc::Receiver<News>,
    calls: mpsc::Receiver<ModelCall>,
    model: mpsc::Receiver<model::News>,
    inside: mpsc::Receiver<AtTheDoor>,
}

/// What the gates tell through.
#[derive(Clone)]
pub(super) struct Voices {
    gate: mpsc::Sender<News>,
    calls: mpsc::Sender<ModelCall>,
    model: mpsc::Sender<model::News>,
    /// The run's own door tells through this, and reads what is behind it.
    pub(super) inside: Counter,
}

/// Both ends.
pub(super) fn line(talk: Arc<Talk>) -> (Voices, Ears) {
    let (gate, from_gate) = mpsc::channel(NEWS);
    let (calls, from_calls) = mpsc::channel(CALLS);
    let (model, from_model) = mpsc::channel(CALLS);
    let (inside, from_inside) = desk::counter(talk);
    let ears = Ears { gate: from_gate, calls: from_calls, model: from_model, inside: from_inside };
    (Voices { gate, calls, model, inside }, ears)
}

impl Ears {
    /// The next that they say. Its senders are as old as the shim: it never ends.
    pub(super) async fn next(&mut self) -> Said {
        tokio::select! {
            Some(news) = self.model.recv() => Said::Model(news),
            Some(call) = self.calls.recv() => Said::Called(call),
            Some(news) = self.gate.recv() => Said::Gate(news),
            Some(said) = self.inside.recv() => Said::Inside(said),
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

/// Which gateway to models is reached from inside: agents work one after the
/// other.
#[derive(Clone, Default)]
pub(super) struct Reached(Arc<Mutex<Option<Gateway>>>);

impl Reached {
    pub(super) fn set(&self, gateway: Option<&Gateway>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = gateway.cloned();
    }

    fn now(&self) -> Option<Gateway> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The gates of a run, and what its processes are told of them.
#[derive(Default)]
pub(super) struct Gates {
    pub(super) gate: Option<Gate>,
    pub(super) gateway: Option<Gateway>,
    /// The one of the reviewing agent, which has a login of its own.
    pub(super) reviewers: Option<Gateway>,
    /// The one that is reached from inside at this moment.
    pub(super) reached: Reached,
    pub(super) broker: Option<git::Broker>,
    /// The init's end of the way to the gate.
    pub(super) uplink: Option<OwnedFd>,
    /// Ports of the machine's loopback at which they listen, on the tiers that
    /// share it.
    pub(super) ports: Vec<u16>,
    pub(super) model_port: u16,
    pub(super) environment: Vec<(String, String)>,
    pub(super) tasks: JoinSet<()>,
    pub(super) stop: CancellationToken,
}

/// Opens them. `apart`: the run has a network of its own.
pub(super) async fn open(
    workspace: &Workspace,
    voices: &Voices,
    clock: SteadyClock,
    apart: bool,
) -> Result<Gates, Problem> {
    let mut gates = Gates::default();
    let (to_model, models) = mpsc::channel(ARRIVALS);
    let (to_git, gits) = mpsc::channel(ARRIVALS);
    let spec = &workspace.spec;
    let own = spec.provider.iter().chain(&spec.fallbacks).cloned().collect();
    gates.gateway = gateway(workspace, own, voices, clock)?;
    let reviewer = spec.review.iter().filter_map(|reviewer| reviewer.provider.clone());
    gates.reviewers = gateway(workspace, reviewer.collect(), voices, clock)?;
    gates.reached.set(gates.gateway.as_ref());
    let any_model = gates.gateway.is_some() || gates.reviewers.is_some();
    if any_model {
        let reached = gates.reached.clone();
        gates.tasks.spawn(answer(models, gates.stop.clone(), move |stream| {
            let gateway = reached.now();
            async move {
                if let Some(gateway) = gateway {
                    gateway.serve(stream).await;
                }
            }
        }));
    }
    if apart {
        gates.model_port = inside::MODEL_PORT;
        let broker = broker(workspace, voices)?;
        if let Some(broker) = &broker {
            write_git_config(workspace, broker)?;
            let broker = broker.clone();
            gates.tasks.spawn(answer(gits, gates.stop.clone(), move |stream| {
                let broker = broker.clone();
                async move { broker.serve(stream).await }
            }));
        }
        gates.broker.clone_from(&broker);
        let doors = Doors { model: any_model.then_some(to_model), git: broker.map(|_| to_git) };
        open_gate(workspace, voices, doors, &mut gates)?;
    } else if any_model {
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
    providers: Vec<ProviderGrant>,
    voices: &Voices,
    clock: SteadyClock,
) -> Result<Option<Gateway>, Problem> {
    let spec = &workspace.spec;
    if providers.is_empty() {
        return Ok(None);
    }
    let news = voices.model.clone();
    let settings = Settings {
        providers,
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
        grant: workspace.login(),
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

/// Answers what comes in by a door, each connection by itself.
async fn answer<F: Future<Output = ()> + Send + 'static>(
    mut arrivals: mpsc::Receiver<Arrival>,
    stop: CancellationToken,
    serve: impl Fn(Stream) -> F,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            arrival = arrivals.recv(), if connections.len() < AT_ONCE => match arrival {
                Some(arrival) => {
                    connections.spawn(serve(arrival.stream));
                }
                None => break,
            },
        }
    }
    connections.shutdown().await;
}

/// The model's door where the run shares the machine's loopback.
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
        let stream = accepted.and_then(|(stream, _)| stream.into_std()).and_then(Stream::new);
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

/// What the gate goes by. Also where a person switched it off it stands, since
/// the namespace has no other way out; then it lets everything through that
/// the machine itself reaches.
fn network_policy(workspace: &Workspace) -> NetworkPolicy {
    let mut wished = workspace.spec.network.clone();
    if workspace.spec.remote_control.is_some() {
        // The agent calls its vendor by itself, in this run and in no other.
        wished.allow.extend(remote::HOSTS.iter().map(|host| (*host).to_owned()));
    }
    if wished.gate != GateMode::Off {
        return wished;
    }
    let everything = ["0.0.0.0/0", "[::]/0"].map(str::to_owned);
    NetworkPolicy { allow: everything.into(), deny: Vec::new(), ..wished }
}

/// The host of the project's own repository.
fn host_of(repo: &str) -> Option<String> {
    let rest = repo.split_once("://").map_or(repo, |(_, rest)| rest);
    let authority = rest.split('/').next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    (!repo.starts_with('/') && !repo.starts_with("file:") && !host.is_empty())
        .then(|| host.to_owned())
}
