//! Agents that speak the Agent Client Protocol, version 1, over their standard
//! input and output: one driver, and one `habits::Habits` for each agent
//! where they differ. <https://agentclientprotocol.com/protocol/v1>
//!
//! The protocol's own crate of types is not used: it makes every JSON object
//! of the whole build keep the order of its fields, and one unexpected field
//! would cost a whole update.
//!
//! A turn of ours is one prompt, or several: the protocol has no place for the
//! reason of a refusal, so an agent that has to know it is told in a further
//! prompt, and then goes on.

mod ask;
mod asking;
mod converse;
mod declared;
mod gemini;
mod habits;
mod opencode;
mod opening;
mod tools;
mod turn;
mod update;

pub(crate) use declared::declared;
pub use gemini::NAME as GEMINI;
pub use opencode::NAME as OPENCODE;

use crate::catalog::{Agent, SessionPlace};
use crate::driver::{Driver, Launch, Start, Step};
use crate::probe::Probe;
use converse::Acp;
use habits::Habits;
use pilot_proto::runner::Abilities;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// Gemini CLI.
pub fn gemini() -> Arc<dyn Agent> {
    Arc::new(AcpAgent::new(gemini::profile()))
}

/// opencode.
pub fn opencode() -> Arc<dyn Agent> {
    Arc::new(AcpAgent::new(opencode::profile()))
}

/// All there is to know about one of these agents.
struct Profile {
    name: String,
    probe: Probe,
    abilities: Abilities,
    habits: Habits,
    launch: Box<dyn Fn(&Start) -> Launch + Send + Sync>,
    place: fn(&Path, &str) -> Option<SessionPlace>,
}

/// What an agent is told first that should go on with a session which is not
/// to be had any more.
const WITHOUT_PAST: &str = "An earlier session worked on this and cannot be gone on with. \
                            What it did is in the working tree.\n\n";

/// One of them in the catalog.
struct AcpAgent {
    profile: Profile,
}

impl AcpAgent {
    fn new(profile: Profile) -> Self {
        Self { profile }
    }
}

impl Agent for AcpAgent {
    fn name(&self) -> &str {
        &self.profile.name
    }

    fn probe(&self) -> Probe {
        self.profile.probe.clone()
    }

    fn abilities(&self) -> Abilities {
        self.profile.abilities
    }

    fn driver(&self, mut start: Start) -> Box<dyn Driver> {
        if !self.profile.abilities.resume && start.resume.take().is_some() {
            start.prompt.insert_str(0, WITHOUT_PAST);
        }
        let launch = (self.profile.launch)(&start);
        Box::new(Acp::new(start, launch, self.profile.habits))
    }

    fn session(&self, tree: &Path, session: &str) -> Option<SessionPlace> {
        (self.profile.place)(tree, session)
    }
}

/// Variables for a launch; those without a value are left out.
fn variables(named: &[(&str, &str)]) -> Vec<(String, String)> {
    let set = named.iter().filter(|(_, value)| !value.is_empty());
    set.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn write(message: &Value) -> Step {
    Step::Write(format!("{message}\n"))
}

/// A field's text; empty if there is none.
fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn some_text(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}
