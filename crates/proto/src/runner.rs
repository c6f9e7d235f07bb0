//! The wire between a hub and its runners.
//!
//! One WebSocket, dialled by the runner. Text frames are JSON messages
//! ([`ToHub`], [`ToRunner`]); binary frames are bulk bytes whose meaning their
//! one-line JSON head says ([`BulkHead`]). A connection begins:
//!
//! ```text
//! runner                                hub
//!   |  <------------------- Challenge   |   nonce, hub's version range
//!   |  Hello -------------------------> |   signed over the nonce
//!   |  <--------------- Welcome | Refused
//! ```
//!
//! On the primary connection the runner then says what it has
//! ([`ToHub::Hello`]'s `runs`), the hub says how far it has each journal
//! ([`ToRunner::Welcome`]), and both go on from there: everything the hub
//! wants is re-sent until the journal shows that it was done, so a lost
//! connection loses nothing and repeats nothing.
//!
//! # History
//!
//! | version | date | what |
//! |--:|---|---|
//! | 1 | 2026-11-21 | first |
//! | 2 | 2026-11-21 | load in beats; `about`, `look`; attachments; artifacts |
//! | 3 | 2026-11-21 | network policy and decisions; model calls, prices, budget; walls; sealed grants; order `allow` |
//! | 4 | 2026-11-21 | permission policy; orders `steer`, `rules`, `unsay`, `kill`; review pass; child tasks; remote control; checkpoints; tunnels |
//! | 5 | 2026-11-21 | how work is pushed and signed (`outgoing`); screens, orders `take_over`, `hand_back` |

mod about;
mod bulk;

pub use about::{Abilities, About, AgentFound, AgentOrigin, LiveCheck, Load, ToolCheck};
pub use bulk::{Batch, BulkHead};

use crate::code::Problem;
use crate::event::Cursor;
use crate::ids::{BlobId, OrderId, RunId, RunnerId, TaskId};
use crate::inbox::Answer;
use crate::permission::PermissionRule;
use crate::project::{GitGrant, ProviderGrant};
use crate::run::RunSpec;
use crate::secret::{self, Secret};
use crate::task::ChildSeen;
use crate::time::Timestamp;
use crate::tunnel::TunnelWish;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version this build speaks.
pub const VERSION: u32 = 6;
/// The oldest version this build still understands: an older runner begins a turn
/// of its agent where a branch is only to be put on top of its base.
pub const OLDEST: u32 = 6;

/// Path of the WebSocket on the hub.
pub const LINK_PATH: &str = "/runner/link";
/// Path to which a join code is posted ([`Join`] → [`Joined`]).
pub const JOIN_PATH: &str = "/runner/join";

/// Largest text or binary frame. A journal batch is cut to a quarter of it; a
/// peer that sends more is faulty or hostile and is disconnected by name.
pub const MAX_FRAME: usize = 4 * 1024 * 1024;
/// Largest journal batch or blob piece, before encoding.
pub const MAX_BATCH: usize = 1024 * 1024;
const _: () = assert!(MAX_BATCH * 4 <= MAX_FRAME, "JSON escaping must still fit the frame");

/// Seconds between heartbeats of the runner.
pub const HEARTBEAT_SECS: u64 = 10;
/// Seconds without a sign after which the peer counts as offline: two lost
/// heartbeats and the time of a slow network.
pub const OFFLINE_SECS: u64 = 30;
const _: () = assert!(OFFLINE_SECS >= 2 * HEARTBEAT_SECS + 5, "one lost beat is not an outage");

/// What a connection is for. Only the primary one decides presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Orders and journals.
    Primary,
    /// Blobs.
    Bulk,
    /// One tunnel: see [`crate::tunnel`].
    Tunnel,
    /// A role this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// What a join code holds: where the hub is and how to know it. Encoded as
/// `pilot1.` + base64url(JSON), so that it can be pasted as one word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinCode {
    /// Base URL of the hub.
    pub hub: String,
    /// SHA-256 of the hub's certificate, hex; none for plain HTTP on loopback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Single-use.
    #[serde(with = "secret::in_clear")]
    pub code: Secret,
}

/// Asks to be enrolled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Join {
    /// The single-use code.
    #[serde(with = "secret::in_clear")]
    pub code: Secret,
    /// What the runner calls itself.
    pub name: String,
    /// Its Ed25519 public key, 64 hex digits.
    pub public_key: String,
}

/// The runner is enrolled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Joined {
    /// Its id from now on.
    pub runner: RunnerId,
    /// The hub's name, for the runner's log.
    pub hub: String,
}

/// A run that a runner has on its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The run.
    pub run: RunId,
    /// The token it was assigned with.
    pub fence: u64,
    /// End of its journal on the runner's disk.
    pub end: Cursor,
    /// Its journal ends with `Finished`.
    pub finished: bool,
}

/// What the signature of a hello covers: `pilothouse-hello` and these fields,
/// each followed by a newline.
pub fn hello_text(nonce: &str, runner: RunnerId, role: Role, version: u32) -> String {
    format!("pilothouse-hello\n{nonce}\n{runner}\n{role:?}\n{version}\n")
}

/// From the runner.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToHub {
    /// Answer to the challenge.
    Hello {
        /// Version the runner speaks.
        version: u32,
        /// Who it is.
        runner: RunnerId,
        /// What the connection is for.
        role: Role,
        /// Ed25519 signature over [`hello_text`], 128 hex digits.
        signature: String,
        /// How it is set up; on the primary connection.
        #[serde(default)]
        about: Option<About>,
        /// What it has; on the primary connection.
        #[serde(default)]
        runs: Vec<Held>,
    },
    /// I am here. Renews the leases of the runs held.
    Beat {
        /// Runs not finished yet.
        runs: Vec<RunId>,
        /// How busy its machine is.
        #[serde(default)]
        load: Option<Load>,
    },
    /// How it is set up now; after [`ToRunner::Look`], and when it changes.
    About {
        /// All of it.
        about: About,
    },
    /// The assignment was taken; its ledger is on disk.
    Taken {
        /// Which.
        run: RunId,
        /// With which token.
        fence: u64,
    },
    /// The assignment cannot be taken (full, draining, unknown agent).
    Declined {
        /// Which.
        run: RunId,
        /// With which token.
        fence: u64,
        /// Why.
        reason: String,
    },
    /// Which of these blobs do you not have? Bulk connection.
    BlobsMissing {
        /// Candidates, at most 1000.
        blobs: Vec<BlobId>,
    },
    /// Send me this blob. Bulk connection.
    BlobGet {
        /// Which.
        blob: BlobId,
    },
    /// This is the tunnel with that ticket; first on a tunnel's connection.
    Tunnel {
        /// The ticket.
        #[serde(with = "secret::in_clear")]
        ticket: Secret,
    },
    /// A tunnel cannot be made. Primary connection.
    TunnelRefused {
        /// Its ticket.
        #[serde(with = "secret::in_clear")]
        ticket: Secret,
        /// Why.
        problem: Problem,
    },
    /// Text for the console. Tunnel's connection.
    TunnelText {
        /// See [`crate::tunnel`].
        text: String,
    },
    /// A message this build does not know yet.
    #[serde(untagged)]
    Unknown(Value),
}

/// What becomes of a run that the runner has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Go on.
    Keep,
    /// Another run holds the lease, or the task is over: stop, rescue, clean.
    Fenced,
    /// The hub has the whole journal: its files may go.
    Forget,
    /// A verdict this build does not know yet: keep the run, touch nothing.
    #[serde(other)]
    Unknown,
}

/// How far the hub has a run's journal, and what becomes of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The run.
    pub run: RunId,
    /// Last durable record; send from the one after it.
    pub acked: Cursor,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// Why a connection is refused. Final: dialling again will not help until a
/// person has done something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Refusal {
    /// No version in common.
    Version {
        /// Oldest the hub understands.
        oldest: u32,
        /// Newest the hub speaks.
        newest: u32,
        /// What the runner said.
        yours: u32,
    },
    /// The hub does not know this runner, or its key does not match.
    NotEnrolled,
    /// A person revoked it.
    Revoked,
    /// The first frame was not a hello.
    Malformed,
    /// A refusal this build does not know yet.
    #[serde(untagged)]
    Unknown(Value),
}

/// To the runner.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToRunner {
    /// First frame of every connection.
    Challenge {
        /// 32 random bytes, hex.
        nonce: String,
        /// Oldest version the hub understands.
        oldest: u32,
        /// Newest version the hub speaks.
        newest: u32,
    },
    /// The hello was accepted.
    Welcome {
        /// Version to speak.
        version: u32,
        /// Answer to the runs held.
        #[serde(default)]
        runs: Vec<Known>,
    },
    /// The hello was refused.
    Refused(Refusal),
    /// I heard you; these leases are renewed.
    BeatHeard {
        /// The hub's time, for showing a clock that is off.
        at: Timestamp,
    },
    /// Run this. Re-sent until `Taken` or `Declined`.
    Assign {
        /// What.
        spec: Box<RunSpec>,
    },
    /// Do this in a run. Re-sent until the journal shows `OrderDone`.
    Order {
        /// Its id; a run carries out each at most once.
        order: OrderId,
        /// In which run.
        run: RunId,
        /// What.
        act: Act,
    },
    /// From now on git logs in to the run's repository with this: the login that
    /// the run began with may have ended. Said whenever it is another one, and
    /// before each permit to push; not repeated.
    Grant {
        /// Which run.
        run: RunId,
        /// In place of the one that it has.
        git: GitGrant,
    },
    /// The journal is durable up to here.
    Acked {
        /// Whose.
        run: RunId,
        /// Up to and including this.
        cursor: Cursor,
    },
    /// As at [`Verdict`], any time later.
    Verdict {
        /// Which run.
        run: RunId,
        /// What becomes of it.
        verdict: Verdict,
    },
    /// Answer to `BlobsMissing`. Bulk connection.
    Missing {
        /// Those the hub does not have.
        blobs: Vec<BlobId>,
    },
    /// Somebody reads the journals of these of your runs as they grow, and of
    /// no others: their output may come a moment later, many lines at once.
    /// Until this is said all are read. What changes where a task stands is
    /// never late. Not repeated.
    Watched {
        /// All of them.
        runs: Vec<RunId>,
    },
    /// Dial a connection for this tunnel and say its ticket there. Not repeated:
    /// whoever waits for it asks again.
    OpenTunnel {
        /// Good once, and for seconds.
        #[serde(with = "secret::in_clear")]
        ticket: Secret,
        /// To what.
        wish: TunnelWish,
    },
    /// Dial this address from where you are, then a connection for the tunnel,
    /// and hand on what comes: a forge is out of the hub's reach. Not repeated.
    OpenWay {
        /// Good once, and for seconds.
        #[serde(with = "secret::in_clear")]
        ticket: Secret,
        /// `host:port`; an IPv6 address stands in brackets.
        address: String,
    },
    /// Text of the console. Tunnel's connection.
    TunnelText {
        /// See [`crate::tunnel`].
        text: String,
    },
    /// Look again which agents and tools are there, and say so with
    /// [`ToHub::About`]. Not repeated.
    Look,
    /// Start this agent in walls with a trivial prompt, and say with
    /// [`ToHub::About`] what came of it. Not repeated.
    Try {
        /// Which.
        agent: String,
        /// With which model; none: its default.
        #[serde(default)]
        model: Option<String>,
        /// Login for the model.
        #[serde(default)]
        provider: Option<Box<ProviderGrant>>,
    },
    /// A blob is durable. Bulk connection.
    BlobStored {
        /// Which.
        blob: BlobId,
    },
    /// No such blob. Bulk connection.
    BlobUnknown {
        /// Which.
        blob: BlobId,
    },
    /// A message this build does not know yet.
    #[serde(untagged)]
    Unknown(Value),
}

/// What a run can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// A follow-up: queued until the turn ends.
    Say {
        /// What to tell the agent.
        text: String,
    },
    /// Tell the agent in the middle of its turn. Where it cannot hear, this is
    /// a follow-up.
    Steer {
        /// What to tell it.
        text: String,
    },
    /// Stop the turn, keep the session.
    Interrupt,
    /// A person drives the screen from now on.
    TakeOver {
        /// Who.
        who: String,
    },
    /// The agent may drive it again.
    HandBack {
        /// Who says so.
        who: String,
        /// What the agent is told about it.
        #[serde(default)]
        note: Option<String>,
    },
    /// An answer to an inbox item.
    Answer {
        /// Which.
        item: crate::ids::InboxId,
        /// What.
        answer: Answer,
        /// Who said it.
        who: String,
    },
    /// A person says that the work is done: the agent is let go, and what is
    /// there is collected and published.
    Done,
    /// End the run: the agent is stopped, work is rescued, nothing is published.
    Stop,
    /// The push may go ahead; the token is still the current one.
    PermitPush {
        /// The token the permit is for.
        fence: u64,
    },
    /// The run's processes may reach these hosts as well from now on.
    Allow {
        /// Rules, as in [`crate::network::NetworkPolicy::allow`].
        rules: Vec<String>,
    },
    /// What became of the run's wish for a task
    /// ([`Event::ChildWanted`](crate::Event::ChildWanted)).
    Child {
        /// The wish.
        token: String,
        /// The task that was filed; none: it was not.
        #[serde(default)]
        task: Option<TaskId>,
        /// Why not.
        #[serde(default)]
        problem: Option<Problem>,
    },
    /// How a task stands that was filed by an agent of this run's task.
    ChildIs {
        /// It.
        child: Box<ChildSeen>,
    },
    /// The project has these rules as well from now on.
    Rules {
        /// Added to [`RunSpec::permissions`].
        rules: Vec<PermissionRule>,
    },
    /// Forget what was said with `Say` or `Steer` and was not told the agent yet.
    Unsay {
        /// The order that said it; it counts as done with this.
        order: OrderId,
    },
    /// End the run at once: the agent is killed without being asked to end; work
    /// is rescued, nothing is published.
    Kill,
    /// An act this build does not know yet; it is journalled as not done.
    #[serde(untagged)]
    Unknown(Value),
}
