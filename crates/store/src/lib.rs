//! The hub's memory: tasks, runs, inbox, runners, orders and the journals of
//! all runs, in SQLite or PostgreSQL, through one set of portable SQL.
//!
//! Every change of a task goes through [`Store::commit`], which writes journal
//! records and state together, in one transaction, and returns once it is
//! durable. What belongs to a person and not to a task (sessions, preferences)
//! is written beside it.
//! Rows never leave this crate; what it hands out are `proto` types.
//!
//! **Invariant:** nothing here decides what a task becomes, and nothing here
//! reads a clock; whoever commits has decided, and says when.
#![deny(missing_docs)]

mod changes;
mod commit;
mod database;
mod documents;
mod error;
mod intake;
mod journal;
mod log;
mod people;
mod schedules;
mod schema;
mod snapshot;
mod store;

pub use commit::{
    Appended, Change, Commit, Committed, EnrolledRunner, JournalBatch, PendingOrder, StoredRecord,
};
pub use error::StoreError;
pub use intake::IntakeChange;
pub use journal::end::{Admission, JournalEnd};
pub use journal::part::Part;
pub use journal::read::{RecordPage, Want};
pub use log::{MAX_PAGE_BYTES, Search};
pub use people::{Kept, MOST_SESSIONS, Session, SignInCode};
pub use snapshot::ChangeSize;
pub use store::Store;
