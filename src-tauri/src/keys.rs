//! The keychain, as far as the window has to do with it.

use pilot_proto::{Code, Problem, Secret};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// How the system's keychain is, as the pages see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum Keychain {
    /// It keeps what it is given.
    Works {
        /// Its name.
        name: String,
    },
    /// It is locked.
    Locked,
    /// There is none.
    NoService,
    /// There is no session bus to ask on.
    NoBus,
    /// A sealed file stands in for it.
    SealedFile {
        /// The passphrase was given.
        unlocked: bool,
    },
}

/// What an embedded hub is started with.
#[derive(Debug)]
pub(crate) struct ForHub {
    pub(crate) owner_token: Secret,
}

#[derive(Debug)]
pub(crate) struct Keys {
    data: PathBuf,
}

impl Keys {
    pub(crate) fn new(data: &Path) -> Self {
        Self { data: data.to_owned() }
    }
    pub(crate) async fn for_hub(&self, hub: &Path) -> Result<ForHub, crate::local_hub::NotUp> {
        let owner = pilot_secrets::owner_token(hub).map_err(|e| {
            crate::local_hub::NotUp::Failed(Problem::new(Code::Internal, e.to_string()))
        })?;
        Ok(ForHub { owner_token: owner.token })
    }
    pub(crate) async fn token(&self, hub: &str) -> Result<Secret, Problem> {
        Err(Problem::new(Code::NotFound, format!("no token {hub}")))
    }
    pub(crate) async fn keep_token(&self, hub: &str, _t: Secret) -> Result<(), Problem> {
        Err(Problem::new(Code::NotFound, format!("no token {hub}")))
    }
    pub(crate) async fn forget_token(&self, hub: &str) -> Result<(), Problem> {
        Err(Problem::new(Code::NotFound, format!("no token {hub}")))
    }
    pub(crate) async fn look(&self) -> Keychain {
        Keychain::NoBus
    }
    pub(crate) async fn unlock(&self, _p: Secret) -> Result<(), Problem> {
        Err(Problem::new(Code::NotFound, format!("no {}", self.data.display())))
    }
}
