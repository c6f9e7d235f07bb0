//! The agents that a machine may have: the built-in list, and what its owner
//! declares besides.

use crate::driver::{Driver, Remote, Start};
use crate::probe::Probe;
use crate::{acp, claude, codex, declared, hands_on, pi, scripted};
use pilot_proto::runner::Abilities;
use pilot_proto::{Code, Problem};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An agent that can be driven.
pub trait Agent: Send + Sync {
    /// Its name in tasks and projects.
    fn name(&self) -> &str;

    /// How a doctor finds it.
    fn probe(&self) -> Probe;

    /// What can be done with it.
    fn abilities(&self) -> Abilities;

    /// A driver for one run.
    fn driver(&self, start: Start) -> Box<dyn Driver>;

    /// Where it keeps `session`, begun in `tree`; none for an agent whose
    /// sessions have no file, or no resume.
    ///
    /// `tree` must be the directory's real path, without symbolic links.
    fn session(&self, tree: &Path, session: &str) -> Option<SessionPlace>;

    /// The hidden subcommand of `pilot` that its program is to be started
    /// through: `pilot SUBCOMMAND PROGRAM ARGS…`; none: as it is.
    fn through(&self) -> Option<&'static str> {
        None
    }

    /// A driver for a run that its vendor may show and steer from afar; none
    /// for an agent that has no such thing.
    fn remote(&self, start: Start, remote: Remote) -> Option<Box<dyn Driver>> {
        let _ = (start, remote);
        None
    }

    /// False where a person does the work: nothing is started then.
    fn has_process(&self) -> bool {
        true
    }
}

/// Where an agent keeps the file of a session. A file put to `restore` before
/// the start makes [`Start::resume`] work on another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionPlace {
    /// The directory that holds it at whatever depth, relative to the private
    /// HOME.
    pub below: PathBuf,
    /// The file's name contains this; of several the one changed last counts.
    pub named: String,
    /// Where the agent of a new workspace looks for it, relative to its HOME.
    pub restore: PathBuf,
    /// Endings of the names of further files that belong to it, as with the
    /// write-ahead log of a database. Where there are any, the session is not
    /// searched for, but at `restore` in every workspace; and as it is no text,
    /// nothing can be taken out of it.
    pub more: Vec<String>,
}

/// The agents of a machine, by name.
#[derive(Clone)]
pub struct Catalog {
    agents: Vec<Arc<dyn Agent>>,
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Catalog {
    /// The agents that every build knows.
    pub fn built_in() -> Self {
        Self {
            agents: vec![
                Arc::new(claude::Agent),
                Arc::new(codex::Agent),
                acp::gemini(),
                acp::opencode(),
                Arc::new(pi::Agent),
                Arc::new(scripted::Agent),
                Arc::new(hands_on::Agent),
            ],
        }
    }

    /// Also those that this TOML declares; see [`declared`]. The problem names
    /// the agent, the field and the line.
    pub fn declare(mut self, text: &str) -> Result<Self, Problem> {
        let taken: Vec<&str> = self.names().collect();
        let declared = declared::read(text, &taken)?;
        self.agents.extend(declared);
        Ok(self)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.agents.iter().map(|agent| agent.name())
    }

    /// All of them.
    pub fn agents(&self) -> impl Iterator<Item = &dyn Agent> {
        self.agents.iter().map(|agent| &**agent)
    }

    /// The agent called `name`.
    pub fn get(&self, name: &str) -> Result<&dyn Agent, Problem> {
        self.agents().find(|agent| agent.name() == name).ok_or_else(|| {
            let names: Vec<&str> = self.names().collect();
            Problem::new(Code::AgentMissing, format!("There is no agent `{name}`."))
                .hint(format!("Known agents: `{}`.", names.join("`, `")))
        })
    }
}
