//! Forges: where a pushed branch becomes a pull request, and where we notice
//! that it was merged or closed.
//!
//! One concrete adapter, [`Gitea`], which speaks to Forgejo as well. A second
//! forge will be a second struct beside it and an enum over both; until there
//! are two, there is no trait.
//!
//! **Invariant:** a token appears in no error, no `Debug` output, no URL and no
//! log line of this crate: it travels in the `Authorization` header only, and
//! is cut out of whatever a forge says back.
//!
//! **Invariant:** a status code alone proves nothing. Every pull request is
//! read back and compared before anybody is told that it exists.

mod body;
mod error;
mod gitea;
mod http;
mod repository;

pub use body::{Body, neutral};
pub use error::ForgeError;
pub use gitea::{Account, Gitea, Issue, PullState, RepositorySeen, Wanted};
pub use http::Pace;
pub use repository::Repository;
