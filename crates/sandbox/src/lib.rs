//! What a run's processes may see and how they end: an environment from
//! nothing, walls around them all, spawning in a process group of its own, and
//! the death of a whole process tree.
//!
//! **Invariant:** every process of a run can be found again by the marker
//! `PILOTHOUSE_RUN` in its environment, so that a crash leaves no orphans.
#![deny(missing_docs)]

pub mod death;
pub mod environment;
pub mod inside;
pub mod process;
pub mod spawn;
pub mod walls;
mod wire;

pub use death::{Doomed, Report, Survivor, become_subreaper, kill_run, survivors};
pub use environment::{Environment, Surroundings, environment};
pub use process::Process;
pub use spawn::{Agent, Exit, Launch, SpawnError, spawn};
pub use walls::{Plan, Strikes, Survey, Walls, WallsError, survey};
