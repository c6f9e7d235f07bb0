//! Where secrets rest, and how they are kept out of everything else: the
//! owner's token, the credentials (in the system's keychain, in a file under a
//! passphrase, or in a private file), and the redactor.
//!
//! **Invariant:** nothing here prints a value; values leave only through
//! `Secret::expose` at the caller's.
#![deny(missing_docs)]

pub mod compare;
pub mod credential_file;
pub mod grant;
pub mod keep;
pub mod keychain;
pub mod owner_token;
pub mod redactor;
pub mod sealed_file;
pub mod vault;

mod document;
mod kept_in_keychain;
mod private_file;

pub use compare::same_secret;
pub use credential_file::CredentialFile;
pub use grant::{GrantContext, GrantError, RunnerKey};
pub use keep::{CredentialStore, Entries, Keep, Opened};
pub use keychain::{Keychain, KeychainState};
pub use owner_token::{OwnerToken, owner_token};
pub use private_file::SecretsError;
pub use redactor::{NamedSecret, RedactedStream, Redactor, Search, Sighting};
pub use sealed_file::SealedFile;
