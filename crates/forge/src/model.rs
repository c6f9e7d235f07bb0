//! What a forge is asked for and what it answers, the same for all four.
//!
//! Text in here was written by whoever may write there: titles, bodies, names
//! and logs are data, and nobody's instruction.

mod checks;
mod issue;
mod pull;
mod review;
mod settings;

pub use checks::{Check, Held, Job, Release, fold};
pub(crate) use issue::MAX_COMMENTS;
pub use issue::{Comment, Issue, IssueFilter, Subject, image_links};
pub use pull::{Head, Merge, NewPull, PullChange, PullRequestSeen, PullState, Standing, Wanted};
pub(crate) use pull::{draft_title, plain_title};
pub use review::{Feedback, Verdict};
pub use settings::{Account, Advice, Branch, Capabilities, Done, Hook, RepositorySeen, Weight};
