//! Where secrets rest, and how they are kept out of everything else: the
//! owner's token, a file for credentials, and the redactor.
//!
//! **Invariant:** nothing here prints a value; values leave only through
//! `Secret::expose` at the caller's.
#![deny(missing_docs)]

pub mod compare;
pub mod credential_file;
pub mod owner_token;
pub mod redactor;

mod private_file;

pub use compare::same_secret;
pub use credential_file::CredentialFile;
pub use owner_token::{OwnerToken, owner_token};
pub use private_file::SecretsError;
pub use redactor::{NamedSecret, RedactedStream, Redactor};
