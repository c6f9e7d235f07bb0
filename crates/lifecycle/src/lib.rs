//! The machines that decide: [`task`], [`queue`], [`intake`] and [`schedule`] in the hub,
//! [`run`], with [`takeover`] as a part of it, in the shim.
//!
//! Each is a value with one `handle(now, event) -> effects`: what happened goes
//! in, what has to be done comes out as data, in the order in which it has to
//! be done. **Invariant:** nothing here is async, does IO, reads a clock or
//! draws a random number; the same events give the same effects, so a whole
//! house of hubs, links and runners can be played in one thread (`tests/it`).
#![deny(missing_docs)]

pub mod intake;
pub mod issue_note;
pub mod queue;
pub mod run;
pub mod schedule;
pub mod takeover;
pub mod task;

pub use queue::{Lease, Queue, QueueEffect, QueueEvent, Terms};
pub use run::{Past, Ruling, RunEffect, RunEvent, RunMachine, Step, permissions};
pub use task::{Assignment, Memory, RetryAt, TaskEffect, TaskEvent, TaskMachine};
