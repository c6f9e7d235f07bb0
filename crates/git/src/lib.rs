//! Everything that touches git: the mirror cache, a task's workspace, the live
//! diff against the base commit, the side-by-side view, commit, push, and the
//! rescue of work that was not pushed.
//!
//! Transport and everything that writes is the `git` command line, run by
//! [`Git`] in an environment built from nothing. Reading a tree that changes
//! under our eyes is git2's work ([`Scanner`]), aligning two texts similar's
//! ([`Alignment`]).
//!
//! **Invariant:** nothing in a workspace is trusted. An agent can write
//! `.git/config`, hooks and attributes; none of them is ever read by a process
//! that has a credential, and no filter, hook or helper named there is run.
//! See `overlay.rs` for how.
//!
//! **Invariant:** a credential is in the environment of one child and nowhere
//! else: not in an argument, a URL, a file or a message.
//!
//! It knows neither forges nor the hub.

mod align;
mod authorities;
mod blob;
mod bundle;
mod checkout;
mod clock;
mod command;
mod commit;
mod error;
mod login;
mod mirror;
mod on_top;
mod outgoing;
mod overlay;
mod push;
mod remote;
mod review;
mod rewrite;
mod scan;
mod side_by_side;

pub use align::Alignment;
pub use blob::{blob_id, blob_id_of};
pub use bundle::{Bundle, Looked, Restored, TreeState};
pub use checkout::{CheckedOut, Checkout};
pub use command::{Deadlines, Git, Surroundings};
pub use commit::Author;
pub use error::GitError;
pub use mirror::Mirrors;
pub use on_top::{Rebase, Rebased};
pub use outgoing::{Kind, Piece};
pub use push::{Push, Pushed};
pub use review::ReviewPush;
pub use rewrite::{Part, Rewrite};
pub use scan::{BlobDirectory, KeepBlob, Limits, Scan, Scanner};
pub use side_by_side::{Window, side_by_side};
