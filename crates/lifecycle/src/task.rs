//! A task's life in the hub: from what a person asked for to a pull request.
//!
//! ```text
//! Queued → Leased → Working ⇄ NeedsYou → [Ready] → Publishing → InReview → Merged | Closed
//!   ↑__ lease lost, declined, ___|           |         └→ Published (no forge)
//!       reassigned, more to do ______________|
//!                       any → Failed | Cancelled | NoChange
//! ```
//!
//! The machine learns about a run only from the run's journal, record by
//! record, after it was committed. **Invariants:** a push is permitted only to
//! the run that has the latest fencing token of a task nobody stopped, and of a held
//! task only when a person says so; records
//! of an older run never move the task, they are only kept in that run's own
//! [`pilot_proto::Run`] (rescue, usage, outcome); nothing a person said is dropped silently.

mod children;
mod conclude;
mod feedback;
mod held;
mod journal;
mod machine;
mod memory;
mod reassign;
mod screen;
mod wishes;
mod words;

pub use machine::TaskMachine;
pub use memory::Memory;
pub use reassign::{Assignment, RetryAt};
pub use words::{TaskEffect, TaskEvent};
