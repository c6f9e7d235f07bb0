//! From a kind and an address to a forge.

use crate::error::ForgeError;
use crate::forge::Forge;
use crate::gitea::Gitea;
use crate::github::GitHub;
use crate::gitlab::GitLab;
use crate::http::Reach;
use crate::publish::forge_address;
use async_trait::async_trait;
use pilot_proto::{ForgeKind, Problem, Secret};
use std::fmt::Debug;
use std::sync::Arc;

/// What a forge is asked with.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A token that somebody made in the forge's settings.
    Token(Secret),
    /// The access token of a login (OAuth), or of a GitHub App's installation.
    Login(Secret),
    /// The same, where somebody renews it: whoever asks is given the latest.
    Renewed(Arc<dyn TokenSource>),
}

/// Where a token comes from.
#[async_trait]
pub trait TokenSource: Debug + Send + Sync {
    /// The one that is there now, asking nobody: for git, and to cut it out of
    /// what a forge says.
    fn latest(&self) -> Secret;

    /// One to ask with, renewed if it is about to end.
    async fn token(&self) -> Result<Secret, Problem>;

    /// Another than this one, which the forge refused; none if there is none.
    async fn instead_of(&self, refused: &Secret) -> Result<Option<Secret>, Problem>;
}

/// One that stays as it is.
#[derive(Debug)]
struct Fixed(Secret);

#[async_trait]
impl TokenSource for Fixed {
    fn latest(&self) -> Secret {
        self.0.clone()
    }

    async fn token(&self) -> Result<Secret, Problem> {
        Ok(self.0.clone())
    }

    async fn instead_of(&self, _refused: &Secret) -> Result<Option<Secret>, Problem> {
        Ok(None)
    }
}

impl Credential {
    /// It was made by hand, which some forges want to be told.
    pub(crate) fn is_made_by_hand(&self) -> bool {
        match self {
            Self::Token(_) => true,
            Self::Login(_) | Self::Renewed(_) => false,
        }
    }

    pub(crate) fn source(&self) -> Arc<dyn TokenSource> {
        match self {
            // Pasted ones bring line ends along.
            Self::Token(secret) | Self::Login(secret) => {
                Arc::new(Fixed(Secret::new(secret.expose().trim())))
            }
            Self::Renewed(source) => Arc::clone(source),
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
