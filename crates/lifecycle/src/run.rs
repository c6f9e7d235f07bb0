//! A run's life in the shim: workspace, agent, push, clean-up.
//!
//! ```text
//! Preparing → Cloning → SettingUp → AgentRunning ⇄ AwaitingAnswer → [Reviewing] → Collecting
//!                                        ↑______ findings ____________|
//!        → Pushing (permit awaited) → Cleaning (rescue, then wipe) → Finished
//! ```
//!
//! The shim does what the effects say, in order, and reports how each [`Step`]
//! went. The machine decides what is journalled; the shim itself adds only
//! `Output` of its steps, `Snapshot`, `SessionSaved`, the checkpoint of the
//! beginning, what a reviewing agent does, and what the gates saw. **Invariants:** every
//! path, also every failure, goes through Cleaning; nothing is wiped before it
//! was rescued; nothing is pushed without a permit for the run's own fencing
//! token, nor after its lease ended; `Finished` is journalled once, last. Every
//! wait has a deadline, all shown as one [`RunMachine::next_deadline`].

mod agent;
mod asks;
mod deadlines;
mod gates;
mod inside;
mod judge;
mod machine;
mod orders;
mod past;
pub mod permissions;
mod quota;
pub mod review;
mod rules;
mod screen;
mod steps;
mod words;

pub use machine::RunMachine;
pub use past::Past;
pub use words::{Bundle, Ruling, RunEffect, RunEvent, Step};
