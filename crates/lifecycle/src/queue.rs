//! Which runner gets which task: leases, fencing tokens and worker caps.
//!
//! The queue holds what waits (first filed, first served, among those whose
//! agent some free runner has) and the leases that are out. It never gives a
//! task out while an earlier lease of it may still be alive on some runner: a
//! lease ends by [`QueueEvent::Released`] (the run's journal is whole),
//! [`QueueEvent::Declined`] (it never began), [`QueueEffect::Lost`], or when
//! lease and grace have passed since the runner's last beat, by which time the
//! runner itself has stopped the run. **Invariants:** at most one lease per task;
//! of a batch at most as many as it may have; and a task that is bound to a
//! runner is leased to that one.

mod leases;
mod lines;
mod machine;
mod runners;
mod words;

pub use machine::Queue;
pub use words::{Lease, QueueEffect, QueueEvent, Terms};
