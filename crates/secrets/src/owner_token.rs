//! The owner's token: whoever can read this file owns the hub. It stands in
//! for the keychain until that comes.

use crate::SecretsError;
use crate::private_file::{Place, private_directory, read_private, write_private};
use pilot_proto::Secret;
use std::path::Path;

/// The token and how it was come by.
#[derive(Debug)]
pub struct OwnerToken {
    /// 64 hex digits.
    pub token: Secret,
    /// It was made just now.
    pub created: bool,
    /// The file, or its directory, was open to others; it no longer is. The
    /// caller says so: somebody may have read it.
    pub tightened: bool,
}

/// Name of the file in the hub's data directory.
pub const FILE_NAME: &str = "owner-token";

/// Reads `owner-token` in `directory`, or makes both. Two processes that make
/// it at the same time end up with the same token.
pub fn owner_token(directory: &Path) -> Result<OwnerToken, SecretsError> {
    let directory_tightened = private_directory(directory)?;
    let path = directory.join(FILE_NAME);
    let created = !path.exists() && write_private(&path, &new_token()?, Place::IfAbsent)?;
    let Some((text, file_tightened)) = read_private(&path)? else {
        return Err(SecretsError::Damaged { path, why: "it vanished while it was read".into() });
    };
    let token = text.trim();
    if token.len() != 64 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(SecretsError::Damaged { path, why: "expected 64 hex digits".into() });
    }
    let tightened = directory_tightened || file_tightened;
    Ok(OwnerToken { token: Secret::new(token), created, tightened })
}

fn new_token() -> Result<String, SecretsError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(SecretsError::Randomness)?;
    Ok(hex::encode(bytes) + "\n")
}
