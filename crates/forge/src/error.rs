//! What can go wrong at a forge, by what a caller can do about it.

use pilot_proto::{Code, ForgeKind, Problem};
use std::time::Duration;

/// A forge did not do what was asked. No variant holds a token.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The forge's own address makes no sense.
    #[error("`{url}` is not the address of a forge: {why}")]
    Address {
        /// What was given, without credentials.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The repository's URL does not name a repository of this forge.
    #[error("`{url}` does not name a repository of the forge at `{forge}`: {why}")]
    Elsewhere {
        /// The repository's URL, without credentials.
        url: String,
        /// The forge.
        forge: String,
        /// What is wrong with it.
        why: String,
    },
    /// No answer at all. Trying later may help.
    #[error("the forge at `{forge}` cannot be reached ({doing})")]
    Unreachable {
        /// The forge.
        forge: String,
        /// What we were doing.
        doing: &'static str,
        /// How the connection failed; its URL was taken off.
        #[source]
        source: reqwest::Error,
    },
    /// It answers, but with `429` or `5xx`, also after several tries.
    #[error("the forge at `{forge}` answered {status} to each of {tries} tries ({doing})")]
    Busy {
        /// The forge.
        forge: String,
        /// What we were doing.
        doing: &'static str,
        /// The last status.
        status: u16,
        /// How often we asked.
        tries: u32,
        /// How long it asked us to wait, if it did.
        wait: Option<Duration>,
    },
    /// Whoever is to dial it for us does not. Trying later may help.
    #[error("{}", .0.message)]
    Way(Problem),
    /// There is nothing to ask it with: a login has ended, or cannot be renewed.
    #[error("{}", .0.message)]
    Login(Problem),
    /// It does not know the token.
    #[error("the forge at `{forge}` does not accept the token: it says `{said}`")]
    Unauthorized {
        /// The forge.
        forge: String,
        /// In its words.
        said: String,
        /// The scopes that a token needs.
        needed: &'static [&'static str],
    },
    /// The token is good but may too little.
    #[error("the token for the forge at `{forge}` lacks {}", quoted(.missing))]
    Scopes {
        /// The forge.
        forge: String,
        /// The scopes it asked for, by name.
        missing: Vec<String>,
        /// The scopes that a token needs.
        needed: &'static [&'static str],
    },
    /// It says no, or there is no such thing (for us).
    #[error("the forge at `{forge}` answered {status} ({doing}): it says `{said}`")]
    Refused {
        /// The forge.
        forge: String,
        /// What we were doing.
        doing: &'static str,
        /// The status.
        status: u16,
        /// In its words.
        said: String,
    },
    /// It answers, but not as such a forge does.
    #[error("what answers at `{forge}` is not a {kind} ({doing}): {why}")]
    Strange {
        /// The forge.
        forge: String,
        /// What it was expected to be.
        kind: ForgeKind,
        /// What we were doing.
        doing: &'static str,
        /// What was strange.
        why: String,
    },
    /// The pull request, read back, is not the one we made.
    #[error("pull request {number} at `{forge}` has {what} `{seen}` where `{wanted}` was expected")]
    Mismatch {
        /// The forge.
        forge: String,
        /// The pull request.
        number: u64,
        /// `head`, `base` or `state`.
        what: &'static str,
        /// As it should be.
        wanted: String,
        /// As it is.
        seen: String,
    },
}

impl ForgeError {
    /// True where the same call may work later without anybody doing something.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Way(_) | Self::Busy { .. } | Self::Mismatch { .. } => {
                true
            }
            Self::Login(problem) => problem.code == Code::ForgeUnreachable,
            Self::Address { .. }
            | Self::Elsewhere { .. }
            | Self::Unauthorized { .. }
            | Self::Scopes { .. }
            | Self::Refused { .. }
            | Self::Strange { .. } => false,
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::Address { .. } | Self::Elsewhere { .. } => Code::Invalid,
            Self::Unreachable { .. } | Self::Way(_) | Self::Busy { .. } => Code::ForgeUnreachable,
            Self::Unauthorized { .. }
            | Self::Scopes { .. }
            | Self::Refused { .. }
            | Self::Strange { .. } => Code::ForgeRefused,
            Self::Mismatch { .. } => Code::ForgeMismatch,
            Self::Login(problem) => problem.code,
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Address { .. } => {
                "Give the address of its web interface, e.g. `https://git.example.org`, with its \
                 base path if it has one."
                    .to_owned()
            }
            Self::Elsewhere { .. } => {
                "Give the project a clone URL that begins with the forge's address, or another forge."
                    .to_owned()
            }
            // In the words of rustls: what it stands on wraps them several times.
            Self::Unreachable { source, .. } if innermost(source).contains("peer certificate") => {
                "If a certificate authority of your own signed its certificate, give that \
                 authority's (PEM) with `--ca FILE`."
                    .to_owned()
            }
            Self::Unreachable { forge, .. } => {
                format!("Check that `{forge}` is up and can be reached from the hub's machine.")
            }
            Self::Login(problem) | Self::Way(problem) => problem.hint.clone(),
            Self::Busy { wait: Some(wait), .. } => {
                format!("It asks to wait {} seconds; try again after that.", wait.as_secs())
            }
            Self::Busy { wait: None, .. } => "Try again later.".to_owned(),
            Self::Unauthorized { needed, .. } => format!(
                "Make a new token in the forge's settings, with the scopes {}, and add the forge \
                 again.",
                quoted(needed)
            ),
            Self::Scopes { needed, .. } => format!(
                "A token needs at least the scopes {}: make one in the forge's settings, and add \
                 the forge again.",
                quoted(needed)
            ),
            Self::Refused { status: 404, .. } => {
                "Check the name, and that the token's owner may see and write the repository."
                    .to_owned()
            }
            Self::Refused { status: 410, .. } => {
                "It was there and was deleted; take another, or end the task.".to_owned()
            }
            Self::Refused { .. } => "Check the rights of the token's owner.".to_owned(),
            Self::Strange { .. } => {
                "Check the address, and whether something in front of the forge (a proxy, a login \
                 page) answers for it."
                    .to_owned()
            }
            Self::Mismatch { .. } => {
                "Somebody else may have pushed to the branch or changed the pull request; look at \
                 it, then retry the task."
                    .to_owned()
            }
        }
    }
}

impl From<ForgeError> for Problem {
    fn from(error: ForgeError) -> Self {
        error.problem()
    }
}

impl ForgeError {
    /// As a person is told it.
    pub fn problem(&self) -> Problem {
        // What the connection failed with is worth a word: "connection refused"
        // and "unknown host" are mended in different places.
        let message = match self {
            Self::Unreachable { source, .. } => format!("{self}: {}", innermost(source)),
            Self::Address { .. }
            | Self::Elsewhere { .. }
            | Self::Busy { .. }
            | Self::Unauthorized { .. }
            | Self::Scopes { .. }
            | Self::Refused { .. }
            | Self::Strange { .. }
            | Self::Mismatch { .. }
            | Self::Way(_)
            | Self::Login(_) => self.to_string(),
        };
        Problem::new(self.code(), message).hint(self.hint())
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn quoted<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}
