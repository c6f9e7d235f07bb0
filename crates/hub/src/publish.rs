//! Pull requests: made of pushed branches, read back, and looked at until they
//! are merged or closed.
//!
//! Wishes are kept by task, the latest only, so that however long a forge is
//! away they never pile up; a small pool works through them.

mod pool;

use crate::core::PullRequestNews;
use crate::credentials::Credentials;
use pilot_forge::{Body, Forge as ForgeApi, Repository, Wanted, connect};
use pilot_proto::task::PullRequest;
use pilot_proto::{Code, Forge, Problem, Project, Task, TaskId};
use pool::{Due, Wishes};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// A pull request that is to exist.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    task: TaskId,
    repo: String,
    forge: Forge,
    base: Option<String>,
    title: String,
    issue: Option<u64>,
    ran: Vec<String>,
    reservations: Vec<String>,
    branch: String,
    commit: String,
    summary: String,
}

impl Publication {
    /// Of a task, as it stands.
    pub(crate) fn new(task: &Task, project: &Project, forge: &Forge) -> Self {
        let agent = match &task.model {
            Some(model) => format!("agent `{}` with model `{model}`", task.agent),
            None => format!("agent `{}`", task.agent),
        };
        let setup = project.setup.iter().map(|line| format!("setup: `{line}`"));
        Self {
            task: task.id,
            repo: project.repo.clone(),
            forge: forge.clone(),
            base: task.base.clone().or_else(|| project.base.clone()),
            title: task.title.clone(),
            issue: task.issue,
            ran: setup.chain([agent]).collect(),
            reservations: task.reservations.clone(),
            branch: String::new(),
            commit: String::new(),
            summary: String::new(),
        }
    }

    /// What was pushed.
    pub(crate) fn wanting(self, branch: String, commit: String, summary: String) -> Self {
        Self { branch, commit, summary, ..self }
    }
}

/// A pull request to look at.
#[derive(Debug, Clone)]
struct Look {
    task: TaskId,
    repo: String,
    forge: Forge,
    /// As it was when we last looked.
    known: PullRequest,
}

/// Makes pull requests and looks at them.
#[derive(Debug)]
pub(crate) struct Publisher {
    wishes: Mutex<Wishes>,
    changed: Notify,
    credentials: Arc<Credentials>,
    public_url: Option<String>,
    /// First wait before a forge is tried again, and the longest.
    retry: (Duration, Duration),
}

impl Publisher {
    pub(crate) fn new(
        credentials: Arc<Credentials>,
        public_url: Option<String>,
        retry: (Duration, Duration),
    ) -> Self {
        let wishes = Mutex::default();
        Self { wishes, changed: Notify::new(), credentials, public_url, retry }
    }

    /// Wants a pull request to exist. Replaces what was wanted for the task.
    pub(crate) fn publish(&self, publication: Publication) {
        self.wishes().publish.insert(publication.task, Due::now(publication));
        self.changed.notify_one();
    }

    /// Wants to know where a pull request stands.
    pub(crate) fn look(&self, task: TaskId, repo: &str, forge: &Forge, known: &PullRequest) {
        let (repo, forge, known) = (repo.to_owned(), forge.clone(), known.clone());
        self.wishes().look.insert(task, Look { task, repo, forge, known });
        self.changed.notify_one();
    }

    /// Wants nothing more for a task.
    pub(crate) fn forget(&self, task: TaskId) {
        let mut wishes = self.wishes();
        wishes.publish.remove(&task);
        wishes.look.remove(&task);
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the pull request, or finds out why not.
    async fn make(&self, publication: &Publication) -> PullRequestNews {
        match self.try_make(publication).await {
            Ok(pull_request) => PullRequestNews::Open(pull_request),
            Err(Failure { problem, passing: true }) => PullRequestNews::Delayed(problem),
            Err(Failure { problem, passing: false }) => {
                let message = format!(
                    "The branch `{}` is pushed, but the pull request could not be made: {}",
                    publication.branch, problem.message
                );
                PullRequestNews::Failed(Problem { message, ..problem })
            }
        }
    }

    async fn try_make(&self, publication: &Publication) -> Result<PullRequest, Failure> {
        let forge = open_forge(&self.credentials, &publication.forge)?;
        let repository = forge.repository(&publication.repo)?;
        let base_branch = match &publication.base {
            Some(base) => base.clone(),
            None => forge.look(&repository).await?.default_branch,
        };
        // What a person wrote into a title or a setup step is in no run's hands.
        let redactor = self.credentials.redactor();
        let wanted = Wanted {
            repository,
            head_branch: publication.branch.clone(),
            head_commit: publication.commit.clone(),
            base_branch,
            title: redactor.redact_str(&publication.title).into_owned(),
            body: redactor.redact_str(&self.body(publication)).into_owned(),
            ..Wanted::default()
        };
        Ok(forge.ensure_pull_request(&wanted).await?)
    }

    fn body(&self, publication: &Publication) -> String {
        let task = match &self.public_url {
            Some(url) => format!("{}/tasks/{}", url.trim_end_matches('/'), publication.task),
            None => format!("pilothouse://task/{}", publication.task),
        };
        let body = Body {
            closes: publication.issue,
            task: &task,
            ran: &publication.ran,
            reservations: &publication.reservations,
            summary: &publication.summary,
        };
        body.text()
    }

    /// Where a pull request stands; none while it is open and looks as it did.
    async fn state(&self, look: &Look) -> Result<Option<PullRequestNews>, Failure> {
        let forge = open_forge(&self.credentials, &look.forge)?;
        let repository = forge.repository(&look.repo)?;
        Ok(match forge.state(&repository, look.known.number).await? {
            pilot_forge::PullState::Open { head } => {
                let seen = with_checks(&*forge, &repository, &look.known, head).await;
                (seen != look.known).then_some(PullRequestNews::Seen(seen))
            }
            pilot_forge::PullState::Merged { .. } => Some(PullRequestNews::Merged),
            pilot_forge::PullState::Closed { .. } => Some(PullRequestNews::Closed),
        })
    }
}

/// A forge with its token.
pub(crate) fn open_forge(
    credentials: &Credentials,
    forge: &Forge,
) -> Result<Arc<dyn ForgeApi>, Problem> {
    let token = credentials.forge_token(&forge.name).ok_or_else(|| {
        Problem::new(
            Code::ForgeRefused,
            format!("There is no token for the forge `{}`.", forge.name),
        )
        .hint("Add the forge again with `pilot forge add`.")
    })?;
    connect(forge.kind, &forge.url, token).map_err(Problem::from)
}

/// The pull request at `head`. Checks that cannot be read are left as they
/// were, as long as they are of the same commit.
async fn with_checks(
    forge: &dyn ForgeApi,
    repository: &Repository,
    known: &PullRequest,
    head: String,
) -> PullRequest {
    let checks = match forge.checks(repository, &head).await {
        Ok(checks) => checks,
        Err(error) => {
            tracing::debug!(%error, pull_request = known.number, "its checks cannot be read");
            known.checks.clone().filter(|_| known.head == head)
        }
    };
    PullRequest { head, checks, ..known.clone() }
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
