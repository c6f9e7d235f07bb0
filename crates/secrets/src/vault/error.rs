//! What a Vault would not do, in words that a person can act on.

use pilot_proto::{Code, Problem};

/// A Vault did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The address, or what goes into a path, is not one.
    #[error("the Vault's address or path cannot be used: {why}")]
    Address {
        /// What is wrong with it.
        why: String,
    },
    /// Nobody answered there.
    #[error("the Vault at `{vault}` cannot be reached while {doing}")]
    Unreachable {
        /// Its address.
        vault: String,
        /// What we wanted.
        doing: &'static str,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The deadline passed.
    #[error("the Vault at `{vault}` did not answer in time while {doing}")]
    Late {
        /// Its address.
        vault: String,
        /// What we wanted.
        doing: &'static str,
    },
    /// It is sealed, or was never set up.
    #[error("the Vault is sealed")]
    Sealed,
    /// It asks us to come later, again and again.
    #[error("the Vault is busy: it answered {status} while {doing}")]
    Busy {
        /// HTTP status.
        status: u16,
        /// What we wanted.
        doing: &'static str,
    },
    /// The login was refused.
    #[error("the Vault refused the login: {said}")]
    Login {
        /// Its words.
        said: String,
    },
    /// There is no such way to log in.
    #[error("the Vault has no login method at `{mount}`")]
    NoLogin {
        /// Where it was looked for.
        mount: String,
    },
    /// The session's lease ran out, or its token was revoked.
    #[error("the Vault session has ended")]
    Expired,
    /// Logged in, but not allowed to read that.
    #[error("the Vault does not let us read `{path}` in `{mount}`")]
    Denied {
        /// The store.
        mount: String,
        /// The secret.
        path: String,
    },
    /// There is nothing there.
    #[error("the Vault has nothing at `{path}` in `{mount}`: {said}")]
    NoPath {
        /// The store.
        mount: String,
        /// The secret.
        path: String,
        /// Its words.
        said: String,
    },
    /// The newest version was deleted or destroyed.
    #[error("the newest version of `{path}` in `{mount}` was deleted from the Vault")]
    Deleted {
        /// The store.
        mount: String,
        /// The secret.
        path: String,
    },
    /// The secret has other fields.
    #[error("`{path}` in `{mount}` has no field `{field}`; it has {there}")]
    NoField {
        /// The store.
        mount: String,
        /// The secret.
        path: String,
        /// What was asked for.
        field: String,
        /// The names of those that are there.
        there: String,
    },
    /// The field holds no text.
    #[error("the field `{field}` of `{path}` in `{mount}` is no text")]
    NotText {
        /// The store.
        mount: String,
        /// The secret.
        path: String,
        /// The field.
        field: String,
    },
    /// The field holds nothing.
    #[error("the field `{field}` of `{path}` in `{mount}` is empty")]
    Empty {
        /// The store.
        mount: String,
        /// The secret.
        path: String,
        /// The field.
        field: String,
    },
    /// It refused for another reason.
    #[error("the Vault answered {status} while {doing}: {said}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What we wanted.
        doing: &'static str,
        /// Its words.
        said: String,
    },
    /// It answered what no Vault answers.
    #[error("that is no answer of a Vault: {why}")]
    Strange {
        /// What is wrong, without its contents.
        why: String,
    },
}

impl VaultError {
    /// True if the same may work a little later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Late { .. } | Self::Sealed | Self::Busy { .. } => true,
            Self::Address { .. }
            | Self::Login { .. }
            | Self::NoLogin { .. }
            | Self::Expired
            | Self::Denied { .. }
            | Self::NoPath { .. }
            | Self::Deleted { .. }
            | Self::NoField { .. }
            | Self::NotText { .. }
            | Self::Empty { .. }
            | Self::Refused { .. }
            | Self::Strange { .. } => false,
        }
    }

    /// For a person.
    pub fn problem(&self) -> Problem {
        let message = match std::error::Error::source(self) {
            Some(source) => format!("{self}: {source}."),
            None => format!("{self}."),
        };
        let (code, hint) = match self {
            Self::Address { .. } => {
                (Code::Invalid, "Give an address such as `https://vault.example:8200`.")
            }
            Self::Unreachable { .. } | Self::Late { .. } => (
                Code::Precondition,
                "Check its address, the way there, and the certificate authority it uses.",
            ),
            Self::Sealed => (Code::Precondition, "Have it unsealed (`vault operator unseal`)."),
            Self::Busy { .. } => (Code::Precondition, "Try again in a while."),
            Self::Login { .. } => {
                (Code::Unauthorized, "Check the role, its secret id or token, and the namespace.")
            }
            Self::NoLogin { .. } => {
                (Code::NotFound, "See `vault auth list` for where login methods are mounted.")
            }
            Self::Expired => (Code::Unauthorized, "Log in to the Vault again."),
            Self::Denied { .. } => (
                Code::Forbidden,
                "Its policy needs `read` on the store's `data/` path; check the namespace too.",
            ),
            Self::NoPath { .. } => {
                (Code::NotFound, "Check the mount, the path without `data/`, and the namespace.")
            }
            Self::Deleted { .. } => {
                (Code::NotFound, "Undelete it (`vault kv undelete`) or write a new version.")
            }
            Self::NoField { .. } => (Code::NotFound, "Name one of the fields that are there."),
            Self::NotText { .. } => (Code::Invalid, "Name a field that holds text."),
            Self::Empty { .. } => {
                (Code::Invalid, "Write a value into it; nothing is ever granted empty.")
            }
            Self::Refused { .. } => (Code::Precondition, "Ask whoever runs the Vault."),
            Self::Strange { .. } => (
                Code::Precondition,
                "Check that the address is a Vault's and the store's version is 2.",
            ),
        };
        Problem::new(code, message).hint(hint)
    }
}
