//! Coding agents: how each is started, what its protocol means, and what to
//! write back to it. One module per agent; all speak [`Driver`].
//!
//! **Invariant:** a driver does no IO. It is given lines and says what to
//! write ([`Step`]); it never spawns, reads a file or looks at a clock. The
//! one exception lives beside its driver and not in it: [`scripted::run`] is
//! the built-in agent's own program.
//!
//! A run drives an agent like this: put [`Launch::files`] into the private
//! HOME, start [`Launch::program`] in the tree with [`Launch::env`] on top of
//! an environment from nothing, do the steps of [`Driver::begin`], then feed
//! every line that [`Driver::stream`] calls `Protocol` to [`Driver::line`].
//! After a [`Step::TurnEnded`] either [`Driver::say`] goes on in the same
//! session or [`Driver::end`] lets the program go. When the program is gone,
//! [`Driver::exited`] closes what is still open.
#![deny(missing_docs)]

pub mod attached;
pub mod claude;
pub mod driver;
pub mod probe;
pub mod scripted;

pub use attached::{Attached, is_image};
pub use driver::{Driver, HomeFile, Launch, Start, Step};
pub use probe::{Probe, probes};

use pilot_proto::{Code, Problem};
use std::path::{Path, PathBuf};

/// The agents that have a driver.
pub const AGENTS: &[&str] = &[claude::NAME, scripted::NAME];

/// The driver of the agent called `agent`.
pub fn driver(agent: &str, start: Start) -> Result<Box<dyn Driver>, Problem> {
    match agent {
        claude::NAME => Ok(Box::new(claude::Claude::new(start))),
        scripted::NAME => Ok(Box::new(scripted::Scripted::new(start))),
        unknown => Err(Problem::new(Code::AgentMissing, format!("There is no agent `{unknown}`."))
            .hint(format!("Known agents: `{}`.", AGENTS.join("`, `")))),
    }
}

/// Where `agent` keeps the file of a session begun in `tree` with the private
/// HOME `home`; none for an agent whose sessions have no file. A file put there
/// before the start makes [`Start::resume`] work on another machine.
///
/// `tree` must be the directory's real path, without symbolic links.
pub fn session_file(agent: &str, home: &Path, tree: &Path, session: &str) -> Option<PathBuf> {
    match agent {
        claude::NAME => Some(claude::session_file(home, tree, session)),
        _ => None,
    }
}
