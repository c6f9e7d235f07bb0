//! The primary connection: dials, waits, and says what came in.

use crate::clock::SteadyClock;
use pilot_link::{
    Backoff, Deadlines, DialError, Dialled, Endpoint, Greeting, Incoming, LinkEffect, LinkEvent,
    LinkMachine, RunnerKey, RunnerLive,
};
use pilot_proto::runner::{BulkHead, ToRunner};
use pilot_proto::{Problem, Timestamp};
use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

/// What happened on it.
#[derive(Debug)]
pub(super) enum UplinkEvent {
    /// Call [`Uplink::dial`].
    DialWanted,
    /// The hub said welcome.
    Up(Vec<pilot_proto::runner::Known>),
    /// A message.
    Heard(ToRunner),
    /// The connection is gone; another is coming.
    Down,
    /// The hub refused for good.
    Refused(Problem),
}

type Dialling = Pin<Box<dyn Future<Output = Result<Dialled, DialError>> + Send>>;

/// The primary connection and the machine that keeps it up.
pub(super) struct Uplink {
    clock: SteadyClock,
    machine: LinkMachine,
    effects: VecDeque<LinkEffect>,
    dialling: Option<Dialling>,
    live: Option<RunnerLive>,
    wake_at: Option<Timestamp>,
}

impl Uplink {
    pub(super) fn new(clock: SteadyClock) -> Self {
        let (machine, effects) = LinkMachine::start(Backoff::default());
        Self { clock, machine, effects: effects.into(), dialling: None, live: None, wake_at: None }
    }

    /// Opens a connection with this greeting.
    pub(super) fn dial(&mut self, endpoint: Endpoint, key: RunnerKey, greeting: Greeting) {
        self.dialling = Some(Box::pin(async move {
            pilot_link::dial(&endpoint, &key, greeting, Deadlines::default()).await
        }));
    }

    /// The connection, while there is one.
    pub(super) fn live(&self) -> Option<&RunnerLive> {
        self.live.as_ref()
    }

    /// Ends the connection in order.
    pub(super) async fn close(self) {
        if let Some(live) = self.live {
            live.close().await;
        }
    }

    /// The next thing that happens. Cancel-safe.
    pub(super) async fn next(&mut self) -> UplinkEvent {
        loop {
            while let Some(effect) = self.effects.pop_front() {
                match effect {
                    LinkEffect::Dial => return UplinkEvent::DialWanted,
                    LinkEffect::WakeAt(at) => self.wake_at = Some(at),
                    LinkEffect::Hangup => {
                        self.dialling = None;
                        if self.live.take().is_some() {
                            return UplinkEvent::Down;
                        }
                    }
                }
            }
            let wait = self.wake_at.map(|at| at.since(self.clock.now()));
            tokio::select! {
                dialled = poll(&mut self.dialling) => {
                    self.dialling = None;
                    if let Some(event) = self.dialled(dialled) {
                        return event;
                    }
                }
                incoming = receive(&mut self.live) => match incoming {
                    Ok(incoming) => {
                        self.tell(LinkEvent::Heard);
                        if let Some(message) = understood(incoming) {
                            return UplinkEvent::Heard(message);
                        }
                    }
                    Err(closed) => {
                        tracing::info!(reason = %closed, "the connection to the hub is down");
                        self.live = None;
                        let reason = closed.to_string();
                        self.tell(LinkEvent::Lost { reason, retry_after: None });
                        return UplinkEvent::Down;
                    }
                },
                () = sleep(wait) => {
                    self.wake_at = None;
                    self.tell(LinkEvent::Tick);
                }
            }
        }
    }

    fn dialled(&mut self, dialled: Result<Dialled, DialError>) -> Option<UplinkEvent> {
        let error = match dialled {
            Ok(dialled) => {
                self.tell(LinkEvent::Opened);
                self.tell(LinkEvent::Welcomed);
                self.live = Some(dialled.live);
                return Some(UplinkEvent::Up(dialled.runs));
            }
            Err(error) => error,
        };
        let problem = error.problem();
        match error {
            DialError::Refused { refusal, .. } => {
                self.tell(LinkEvent::Refused(refusal));
                return Some(UplinkEvent::Refused(problem));
            }
            DialError::NotAHub { retry_after, .. } => self.lost(&problem, retry_after),
            DialError::Unreachable { .. }
            | DialError::Deadline { .. }
            | DialError::Untrusted { .. } => self.lost(&problem, None),
        }
        None
    }

    fn lost(&mut self, problem: &Problem, retry_after: Option<Duration>) {
        tracing::info!(reason = %problem, "no connection to the hub; dialling again");
        self.tell(LinkEvent::Lost { reason: problem.message.clone(), retry_after });
    }

    fn tell(&mut self, event: LinkEvent) {
        let effects = self.machine.handle(self.clock.now(), random(), event);
        self.effects.extend(effects);
    }
}

/// What a message of the primary connection is; the rest is logged.
fn understood(incoming: Incoming<ToRunner>) -> Option<ToRunner> {
    match incoming {
        Incoming::Message(message) => Some(message),
        Incoming::Bulk(BulkHead::Blob { blob, .. }, _) => {
            tracing::warn!(%blob, "the hub sent a blob where none belongs");
            None
        }
        Incoming::Bulk(BulkHead::Journal { run, .. }, _) => {
            tracing::warn!(%run, "the hub sent a journal, which goes the other way");
            None
        }
        Incoming::Bulk(BulkHead::Tunnel, _) => {
            tracing::warn!("the hub sent a tunnel's bytes where none belong");
            None
        }
        Incoming::Malformed { why } => {
            tracing::warn!(why, "the hub said something malformed");
            None
        }
    }
}

async fn poll(dialling: &mut Option<Dialling>) -> Result<Dialled, DialError> {
    match dialling {
        Some(dialling) => dialling.await,
        None => std::future::pending().await,
    }
}

async fn receive(live: &mut Option<RunnerLive>) -> Result<Incoming<ToRunner>, pilot_link::Closed> {
    match live {
        Some(live) => live.recv().await,
        None => std::future::pending().await,
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// For the jitter of a backoff. Without randomness it is the longest wait.
pub(super) fn random() -> u64 {
    getrandom::u64().unwrap_or(u64::MAX)
}
