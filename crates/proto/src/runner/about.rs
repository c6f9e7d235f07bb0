//! What a runner says of its machine and of the agents on it.

use crate::code::Problem;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How a runner is set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct About {
    /// What it calls itself.
    pub name: String,
    /// Version of its `pilot`.
    pub build: String,
    /// `linux x86_64`, ….
    pub platform: String,
    /// How many runs at once.
    pub workers: u32,
    /// It takes nothing new.
    #[serde(default)]
    pub draining: bool,
    /// Its X25519 public key, in hex: secrets for its runs are sealed to it.
    #[serde(default)]
    pub seal_key: Option<String>,
    /// Agents found.
    #[serde(default)]
    pub agents: Vec<AgentFound>,
    /// What its doctor found of everything else.
    #[serde(default)]
    pub checks: Vec<ToolCheck>,
}

/// One finding of a runner's doctor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ToolCheck {
    /// What was looked at.
    pub name: String,
    /// What was found.
    pub found: String,
    /// What keeps it from working; none if nothing does.
    #[serde(default)]
    pub problem: Option<String>,
    /// The mend, as a command line or a sentence.
    #[serde(default)]
    pub mend: String,
}

/// How busy a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Load {
    /// Processor use since the last beat, in thousandths of all processors.
    pub cpu_permille: u32,
    /// How many processors there are.
    pub cpus: u32,
    /// Bytes of memory that are there for programs.
    pub memory_available: u64,
    /// Bytes of memory.
    pub memory_total: u64,
    /// Bytes free on the disk of its workspaces.
    pub disk_free: u64,
    /// Bytes of that disk.
    pub disk_total: u64,
}

/// An agent found on a runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AgentFound {
    /// `claude`, `scripted`, ….
    pub name: String,
    /// Its version, if it told.
    #[serde(default)]
    pub version: Option<String>,
    /// What keeps it from working, with the mend; none if nothing does.
    #[serde(default)]
    pub problem: Option<String>,
    /// What it can do; none from a runner that does not say yet.
    #[serde(default)]
    pub abilities: Option<Abilities>,
    /// Where its program came from.
    #[serde(default)]
    pub origin: AgentOrigin,
    /// Its program on the runner's disk.
    #[serde(default)]
    pub program: Option<String>,
    /// A login of its own on that machine, by the file that holds it. Runs do
    /// not use it: they have a HOME of their own.
    #[serde(default)]
    pub own_login: Option<String>,
    /// What came of the last [`ToRunner::Try`](super::ToRunner::Try).
    #[serde(default)]
    pub live: Option<LiveCheck>,
}

/// Where an agent's program came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum AgentOrigin {
    /// It is a part of the runner.
    BuiltIn,
    /// We installed it, in the version that was asked for.
    Pinned,
    /// It was found on the machine, in whatever version.
    Found,
    /// It is not there, or nobody says.
    #[default]
    #[serde(other)]
    Unknown,
}

/// What came of starting an agent with a trivial prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LiveCheck {
    /// When it was over, by the runner's clock.
    pub at: Timestamp,
    /// With which provider; none: the agent had none.
    #[serde(default)]
    pub provider: Option<String>,
    /// Milliseconds that it took.
    pub took_ms: u64,
    /// What the agent said.
    #[serde(default)]
    pub answer: String,
    /// What went wrong; none: it answered.
    #[serde(default)]
    pub problem: Option<Problem>,
}

/// What can be done with an agent. Decides what a console offers, and what a
/// run does when nobody answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Abilities {
    /// A session can be gone on with in another workspace.
    pub resume: bool,
    /// It asks before it uses a tool.
    pub approvals: bool,
    /// After a refusal it goes on with its turn. False: it ends the turn, so
    /// that a refusal by nobody in particular costs the work.
    pub goes_on_refused: bool,
    /// It asks questions.
    pub questions: bool,
    /// It makes a plan first and has it approved.
    pub plan: bool,
    /// It takes a message in the middle of a turn.
    pub steer: bool,
    /// A turn can be stopped and the session kept.
    pub interrupt: bool,
    /// It looks at images.
    pub images: bool,
    /// It tells the tokens that it used.
    pub usage: bool,
    /// It tells what they cost.
    pub cost: bool,
}
