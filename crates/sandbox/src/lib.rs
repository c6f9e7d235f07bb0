//! What a run's processes may see and how they end: an environment from
//! nothing, spawning in a process group of its own, and the death of a whole
//! process tree. The walls themselves come later.
//!
//! **Invariant:** every process of a run can be found again by the marker
//! `PILOTHOUSE_RUN` in its environment, so that a crash leaves no orphans.
#![deny(missing_docs)]

pub mod death;
pub mod environment;
pub mod process;
pub mod spawn;

pub use death::{Doomed, Report, Survivor, become_subreaper, kill_run, survivors};
pub use environment::{Environment, Surroundings, environment};
pub use process::Process;
pub use spawn::{Agent, Exit, Launch, SpawnError, spawn};
