//! What can go wrong with git, told apart by what a person can do about it.

use pilot_proto::code::{Code, Problem};
use std::path::PathBuf;

/// A failure of this room. No variant ever holds a credential: what git said
/// is redacted before it is put in.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The repository's host cannot be reached.
    #[error("the repository `{repo}` cannot be reached: {said}")]
    Unreachable {
        /// Clone URL without credentials.
        repo: String,
        /// In git's words.
        said: String,
    },
    /// The host answered, and refused the credentials or the repository.
    #[error("the repository `{repo}` refused us: {said}")]
    Refused {
        /// Clone URL without credentials.
        repo: String,
        /// In git's words.
        said: String,
    },
    /// The repository has no such branch.
    #[error("the repository `{repo}` has no branch `{branch}`")]
    BranchUnknown {
        /// Clone URL without credentials.
        repo: String,
        /// What was asked for.
        branch: String,
        /// What there is, the first of them.
        known: Vec<String>,
    },
    /// The repository has no such commit any more.
    #[error("the repository `{repo}` has no commit `{commit}` any more")]
    CommitUnknown {
        /// Clone URL without credentials.
        repo: String,
        /// What was to be begun from.
        commit: String,
    },
    /// The repository has no commit at all.
    #[error("the repository `{repo}` is empty: there is no branch to start from")]
    Empty {
        /// Clone URL without credentials.
        repo: String,
    },
    /// The remote did not take the branch.
    #[error("the push of `{branch}` was rejected: {said}")]
    PushRejected {
        /// Branch in the remote.
        branch: String,
        /// Why, in git's or the remote's words.
        said: String,
        /// What to do.
        hint: String,
    },
    /// No space left, here or at the remote.
    #[error("the disk is full: {doing} stopped")]
    DiskFull {
        /// What we were doing.
        doing: String,
    },
    /// It took too long and was killed.
    #[error("{doing} took longer than {secs} s and was stopped")]
    Deadline {
        /// What we were doing.
        doing: String,
        /// The bound.
        secs: u64,
    },
    /// The git program could not be started.
    #[error("git could not be started as `{program}`")]
    Missing {
        /// What we tried to run.
        program: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Git failed in a way nobody branches on.
    #[error("{doing} failed: {said}")]
    Failed {
        /// What we were doing.
        doing: String,
        /// In git's words.
        said: String,
    },
    /// A file could not be read or written.
    #[error("{doing} failed at `{path}`")]
    File {
        /// What we were doing.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The object database could not be read.
    #[error("{doing} failed")]
    Objects {
        /// What we were doing.
        doing: &'static str,
        /// Why.
        #[source]
        source: git2::Error,
    },
}

impl GitError {
    pub(crate) fn file(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }

    pub(crate) fn objects(doing: &'static str) -> impl FnOnce(git2::Error) -> Self {
        move |source| Self::Objects { doing, source }
    }

    /// What a person is told.
    pub fn problem(&self) -> Problem {
        Problem::new(self.code(), self.sentence()).hint(self.hint())
    }

    fn code(&self) -> Code {
        match self {
            Self::Unreachable { .. } => Code::RepositoryUnreachable,
            Self::Refused { .. } => Code::RepositoryRefused,
            Self::BranchUnknown { .. } | Self::CommitUnknown { .. } | Self::Empty { .. } => {
                Code::BranchUnknown
            }
            Self::PushRejected { .. } => Code::PushRejected,
            Self::DiskFull { .. } => Code::DiskFull,
            Self::File { source, .. } if is_disk_full(source) => Code::DiskFull,
            Self::Deadline { .. }
            | Self::Missing { .. }
            | Self::Failed { .. }
            | Self::File { .. }
            | Self::Objects { .. } => Code::WorkspaceFailed,
        }
    }

    /// The message with its causes.
    fn sentence(&self) -> String {
        let mut sentence = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            sentence.push_str(&format!(": {error}"));
            cause = error.source();
        }
        sentence
    }

    fn hint(&self) -> String {
        match self {
            Self::Unreachable { .. } => {
                "Check the address, and that the runner's machine can reach that host.".into()
            }
            Self::Refused { .. } => {
                "Check that the repository exists and that the project's forge \
                has a token that may read and write it (`pilot forge add`)."
                    .into()
            }
            Self::BranchUnknown { known, .. } if known.is_empty() => {
                "The repository has no branches.".into()
            }
            Self::BranchUnknown { known, .. } => {
                let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                format!("Branches that exist: {}.", names.join(", "))
            }
            Self::CommitUnknown { .. } => {
                "Its history was rewritten; `pilot task again` begins from where it is now.".into()
            }
            Self::Empty { .. } => "Push a first commit to it, then retry the task.".into(),
            Self::PushRejected { hint, .. } => hint.clone(),
            Self::DiskFull { .. } => "Free some space, then retry the task.".into(),
            Self::File { source, .. } if is_disk_full(source) => {
                "Free some space, then retry the task.".into()
            }
            Self::Deadline { .. } => "Retry the task; if it happens again, look at the network \
                and at the size of the repository."
                .into(),
            Self::Missing { .. } => "Install git on the runner's machine.".into(),
            Self::Failed { .. } | Self::File { .. } | Self::Objects { .. } => String::new(),
        }
    }
}

impl From<&GitError> for Problem {
    fn from(error: &GitError) -> Self {
        error.problem()
    }
}

fn is_disk_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}
