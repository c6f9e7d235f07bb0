//! Pull requests: made of pushed branches, read back, and looked at until they
//! are merged or closed.
//!
//! Wishes are kept by task, the latest only, so that however long a forge is
//! away they never pile up; a small pool works through them.
//!
//! **Invariant:** every step may be done again: the hub may die between any two
//! of them and before any answer, and the next one begins from the first. The
//! steps, and what makes each the same when it comes twice:
//!
//! 1. the runner pushes: the branch has to be where we left it, the permit is
//!    for the current fence alone, and a remote that has the commit is success
//! 2. the pull request is looked for by its branch, made if there is none
//! 3. labels, assignees and reviewers: those that are missing
//! 4. it is read back and compared
//! 5. the issue is told: a comment with a mark, unless it is there, or the
//!    project has its page kept up to date anyway ([`crate::intake`])
//! 6. what was said is answered: replies with marks, resolving what is open
//! 7. the task is told, in one commit; until then all this is wanted
//!
//! When it has ended: the branch is deleted if it is still what was reviewed,
//! the issue closed if it is open, and then the task is told.

mod pool;
mod publication;
mod release;
mod settle;
mod watch;

pub(crate) use publication::Publication;
pub(crate) use watch::{Sight, Watched};

use crate::credentials::Credentials;
use crate::forges::Forges;
use pilot_proto::{Problem, TaskId};
use pilot_store::Store;
use pool::{Due, Wishes};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Makes pull requests and looks at them.
#[derive(Debug)]
pub(crate) struct Publisher {
    wishes: Mutex<Wishes>,
    changed: Notify,
    credentials: Arc<Credentials>,
    forges: Arc<Forges>,
    store: Store,
    public_url: Option<String>,
    /// First wait before a forge is tried again, and the longest.
    retry: (Duration, Duration),
}

impl Publisher {
    pub(crate) fn new(
        credentials: Arc<Credentials>,
        forges: Arc<Forges>,
        store: Store,
        public_url: Option<String>,
        retry: (Duration, Duration),
    ) -> Self {
        let wishes = Mutex::default();
        Self { wishes, changed: Notify::new(), credentials, forges, store, public_url, retry }
    }

    /// Wants a pull request to exist. Replaces what was wanted for the task.
    pub(crate) fn publish(&self, publication: Publication) {
        self.wishes().publish.insert(publication.task, Due::now(publication));
        self.changed.notify_one();
    }

    /// Wants to know where a pull request stands.
    pub(crate) fn look(&self, watched: Watched) {
        self.wishes().want_look(watched, Instant::now());
        self.changed.notify_one();
    }

    /// The same, because the forge has said that something happened: soon, and
    /// once for all that it says of it meanwhile.
    pub(crate) fn look_soon(&self, watched: Watched) {
        let mut wishes = self.wishes();
        let now = Instant::now();
        let last = wishes.looked.get(&watched.task).map(|last| *last + pool::SPACING);
        let at = last.unwrap_or(now).max(now + pool::TOGETHER);
        wishes.want_look(watched, at);
        drop(wishes);
        self.changed.notify_one();
    }

    /// Wants the runs of the CI for a commit of a pull request to go.
    pub(crate) fn release(&self, watched: Watched, head: String) {
        self.wishes().release.insert(watched.task, (watched, head));
        self.changed.notify_one();
    }

    /// Wants nothing more for a task.
    pub(crate) fn forget(&self, task: TaskId) {
        let mut wishes = self.wishes();
        wishes.publish.remove(&task);
        wishes.look.remove(&task);
        wishes.release.remove(&task);
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page of a task, for people; a word to find it by where nobody told
    /// us our address.
    fn page_of(&self, task: TaskId) -> String {
        match &self.public_url {
            Some(url) => format!("{}/tasks/{task}", url.trim_end_matches('/')),
            None => format!("pilothouse://task/{task}"),
        }
    }

    /// What a person or an agent wrote, without the secrets of this hub.
    fn redacted(&self, text: &str) -> String {
        self.credentials.redactor().redact_str(text).into_owned()
    }
}

/// The forge did not do it.
#[derive(Debug)]
struct Failure {
    problem: Problem,
    /// It may do it later.
    passing: bool,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, passing: false }
    }
}

impl From<pilot_forge::ForgeError> for Failure {
    fn from(error: pilot_forge::ForgeError) -> Self {
        let passing = error.is_passing();
        Self { problem: error.into(), passing }
    }
}

/// What may fail for good without taking the rest along: a deleted issue must
/// not keep a pull request from being told of. What may work later does.
fn unless_refused(what: &str, done: Result<(), pilot_forge::ForgeError>) -> Result<(), Failure> {
    match done {
        Err(error) if error.is_passing() => Err(error.into()),
        Err(error) => {
            tracing::warn!(%error, what, "the forge refused it; the rest goes on");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}
