//! A machine's worker: the daemon that dials out to a hub, and the shim, one
//! detached process per run, that owns the agent, its workspace and its
//! journal on disk.
//!
//! ```text
//! hub <== link ==> daemon --stdin: spec--> shim ==> agent
//!                    |  <--- shim.sock --->  |
//!                    |                       v
//!                    +---- reads ---- runs/<run>/journal
//! ```
//!
//! **Invariants:**
//! - Nothing a run says goes any other way than through its journal file; the
//!   daemon adds nothing to it and takes nothing from it, so it may die at any
//!   point and be replaced.
//! - No secret of a run is ever in a file: the spec on disk is
//!   [`pilot_proto::RunSpec::without_grants`], the grants live in the shim's memory.
//! - Every resource stands in a ledger before it exists.

pub mod agents;
pub mod clock;
pub mod daemon;
pub mod doctor;
pub mod guest;
pub mod inside;
pub mod installed;
pub mod journal;
pub mod ledger;
pub mod run_dir;
pub mod shim;
pub mod shim_socket;
pub mod workspace;

mod blobs;
mod frames;
mod load;
