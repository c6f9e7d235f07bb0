//! Forges: where issues come from, where a pushed branch becomes a pull
//! request, and where we notice what becomes of that.
//!
//! One trait, [`Forge`], and an adapter for each of Gitea and Forgejo (which
//! speak one API and differ in their CI), GitHub and GitLab. All of them talk
//! through one layer that knows the token, the limits, the pages and what may
//! be asked twice.
//!
//! **Invariant:** a token appears in no error, no `Debug` output, no URL and no
//! log line of this crate: it travels in a header only, and is cut out of
//! whatever a forge says back.
//!
//! **Invariant:** a status code alone proves nothing. Every pull request is
//! read back and compared before anybody is told that it exists, and a run
//! that was let go is looked at again.

mod body;
mod connect;
mod error;
mod follow_up;
mod forge;
mod gitea;
mod github;
mod gitlab;
mod http;
mod issue_answers;
mod lenient;
pub mod login;
mod model;
mod publish;
mod repos_api;
mod repository;
pub mod ticket;
mod untrusted;
pub mod webhook;

pub use body::{Body, PLACES, neutral};
pub use connect::{Credential, TokenSource, connect, connect_with};
pub use error::ForgeError;
pub use follow_up::{FailedLog, conflict, failed_checks, useful_tail};
pub use forge::{Ci, Forge, Hooks, Identity, Issues, PullRequests, Repositories, Reviews};
pub use http::{Budget, Pace, Reach, Way};
pub use model::{
    Account, Advice, Branch, Capabilities, Check, Comment, Done, Feedback, Head, Held, Hook, Issue,
    IssueFilter, Job, Merge, NewPull, PullChange, PullRequestSeen, PullState, Release,
    RepositorySeen, Standing, Subject, Verdict, Wanted, Weight, fold, image_links,
};
pub use repository::Repository;
pub use untrusted::{UNTRUSTED, untrusted};
