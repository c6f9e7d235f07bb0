//! From a kind and an address to a forge.

use crate::error::ForgeError;
use crate::forge::Forge;
use crate::gitea::Gitea;
use crate::github::GitHub;
use crate::gitlab::GitLab;
use crate::http::Reach;
use crate::publish::forge_address;
use pilot_proto::{ForgeKind, Secret};
use std::sync::Arc;

/// What a forge is asked with.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A token that somebody made in the forge's settings.
    Token(Secret),
    /// The access token of a login (OAuth), or of a GitHub App's installation.
    Login(Secret),
}

impl Credential {
    /// The token, as it goes into a header; pasted ones bring line ends along.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Token(secret) | Self::Login(secret) => secret.expose().trim(),
        }
    }

    pub(crate) fn secret(&self) -> Secret {
        match self {
            Self::Token(secret) | Self::Login(secret) => secret.clone(),
        }
    }
}

/// The forge whose web interface is at `url` (with its base path, if it has
/// one), asked with a token. Asks nothing yet.
pub fn connect(kind: ForgeKind, url: &str, token: Secret) -> Result<Arc<dyn Forge>, ForgeError> {
    connect_with(kind, url, &Credential::Token(token), &Reach::default())
}

/// The same with another credential, patience, proxy or private CA.
pub fn connect_with(
    kind: ForgeKind,
    url: &str,
    credential: &Credential,
    reach: &Reach,
) -> Result<Arc<dyn Forge>, ForgeError> {
    let forge = forge_address(url)?;
    Ok(match kind {
        ForgeKind::Gitea | ForgeKind::Forgejo => {
            Arc::new(Gitea::new(kind, &forge, credential, reach)?)
        }
        ForgeKind::GitHub => Arc::new(GitHub::new(&forge, credential, reach)?),
        ForgeKind::GitLab => Arc::new(GitLab::new(&forge, credential, reach)?),
    })
}
