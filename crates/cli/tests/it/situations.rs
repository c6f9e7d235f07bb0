//! Every agent in every situation that people meet, inside the walls: the real
//! program, unmodified, started by hub, runner and shim, with a scripted model
//! behind the gateway. What the task, its journal and its branch say decides.
//!
//! The table in docs/agents.md is what was seen here: each test holds its
//! agent's column, and writes it with `PILOTHOUSE_WRITE=1`.
//!
//! A play is one task, or two, and shows one situation or several. Those of an
//! agent share a hub and a runner and come one after the other; what fails is told
//! of all of them together.

mod agents;
mod login;
mod person;
mod provider;
mod session;
mod stage;
mod table;
mod work;

use agents::Agent;
use pilot_proto::runner::Abilities;
use stage::Stage;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What an agent is brought into. The order is that of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Situation {
    Edits,
    Shell,
    Image,
    Confined,
    Counted,
    OwnTokens,
    OwnCost,
    Allowed,
    Refused,
    Question,
    PlanSentBack,
    PlanApproved,
    Steered,
    Interrupted,
    Killed,
    KilledEarly,
    Busy,
    Dropped,
    KeyRefused,
    LoginEnded,
    NoLogin,
}

impl Situation {
    /// In the words of the table.
    fn words(self) -> &'static str {
        match self {
            Self::Edits => "writes and edits files",
            Self::Shell => "runs commands in a shell",
            Self::Image => "looks at an image that a task brings along",
            Self::Confined => "reaches nothing but its model, and never sees the key to it",
            Self::Counted => "its tokens and their cost are counted by the gateway",
            Self::OwnTokens => "tells the tokens that it used",
            Self::OwnCost => "tells what they cost",
            Self::Allowed => "asks before it uses a tool, and uses it when it may",
            Self::Refused => "is refused a tool, is told why, and goes on with its turn",
            Self::Question => "asks a question in the middle of its work and has the answer",
            Self::PlanSentBack => "has its plan sent back and makes a better one",
            Self::PlanApproved => "carries an approved plan out without asking again",
            Self::Steered => "is told something in the middle of its turn",
            Self::Interrupted => "is interrupted, and goes on in its session when told how",
            Self::Killed => "`kill -9`: goes on with its session in a new workspace",
            Self::KilledEarly => "`kill -9` in its first turn, before its session was kept",
            Self::Busy => "the provider is busy twice (429)",
            Self::Dropped => "the connection breaks in the middle of an answer",
            Self::KeyRefused => "the provider refuses the key (401)",
            Self::LoginEnded => "the login has ended and cannot be renewed",
            Self::NoLogin => "there is no login at all",
        }
    }

    /// What the agent says of itself on this.
    fn told(self, abilities: &Abilities) -> Option<bool> {
        match self {
            Self::Image => Some(abilities.images),
            Self::OwnTokens => Some(abilities.usage),
            Self::OwnCost => Some(abilities.cost),
            Self::Allowed => Some(abilities.approvals),
            Self::Refused => Some(abilities.goes_on_refused),
            Self::Question => Some(abilities.questions),
            Self::PlanSentBack | Self::PlanApproved => Some(abilities.plan),
            Self::Steered => Some(abilities.steer),
            Self::Interrupted => Some(abilities.interrupt),
            Self::Killed => Some(abilities.resume),
            Self::Edits
            | Self::Shell
            | Self::Confined
            | Self::Counted
            | Self::KilledEarly
            | Self::Busy
            | Self::Dropped
            | Self::KeyRefused
            | Self::LoginEnded
            | Self::NoLogin => None,
        }
    }
}

/// What was seen: `yes`, or what happens instead. What begins with `yes` is
/// what the agent's abilities call one.
type Seen = Vec<(Situation, String)>;

/// One play: tasks, and which situations they show.
type Play = (&'static str, fn(&Stage<'_>) -> Seen);

/// With a login, one after the other.
const PLAYS: &[Play] = &[
    ("killed and resumed", session::killed_and_resumed),
    ("killed at once", session::killed_at_once),
    ("plans", person::plans),
    ("interrupted", session::interrupted),
    ("permissions", person::permissions),
    ("work", work::work),
    ("steered", session::steered),
    ("an impatient provider", provider::busy_and_broken),
    ("a question", person::question),
    ("a refused key", provider::key_refused),
];

fn said(situation: Situation) -> (Situation, String) {
    (situation, "yes".to_owned())
}

fn instead(situation: Situation, words: &str) -> (Situation, String) {
    (situation, words.to_owned())
}

/// Brings the agent into all situations and holds the table to what was seen.
fn bring(agent: &'static Agent) {
    let model = crate::agents::model();
    let world = stage::raise(agent);
    let stage = Stage { world: &world, model: &model.server, agent };
    let mut seen: BTreeMap<Situation, String> = BTreeMap::new();
    // While there is no provider, or none but one that is of no use.
    seen.extend(login::none(&stage));
    seen.extend(login::ended(&stage));
    stage.log_in();

    let mut failures = Vec::new();
    for (name, play) in PLAYS {
        match catch_unwind(AssertUnwindSafe(|| play(&stage))) {
            Ok(rows) => seen.extend(rows),
            Err(panic) => failures.push(format!("{name}: {}", words(&*panic))),
        }
    }
    assert!(failures.is_empty(), "{}:\n\n{}", agent.name, failures.join("\n\n"));
    world.until("nothing is left", || world.stray_processes().is_empty().then_some(()));
    let abilities = stage.abilities();
    for (situation, words) in &seen {
        let told = situation.told(&abilities).unwrap_or_else(|| words.starts_with("yes"));
        assert_eq!(told, words.starts_with("yes"), "{situation:?} is `{words}`: {abilities:?}");
    }
    table::hold(agent.name, &seen);
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}

#[test]
fn claude_in_every_situation() {
    bring(&agents::CLAUDE);
}

#[test]
fn codex_in_every_situation() {
    bring(&agents::CODEX);
}

#[test]
fn gemini_in_every_situation() {
    bring(&agents::GEMINI);
}

#[test]
fn opencode_in_every_situation() {
    bring(&agents::OPENCODE);
}

#[test]
fn pi_in_every_situation() {
    bring(&agents::PI);
}
