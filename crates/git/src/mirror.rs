//! (bodies follow)
use crate::command::Git;
use std::path::PathBuf;
/// The cache of bare mirrors, one per repository.
#[derive(Debug, Clone)]
pub struct Mirrors {
    pub(crate) git: Git,
    pub(crate) root: PathBuf,
}
impl Mirrors {
    /// With its directory, which is made if need be.
    pub fn new(git: Git, root: impl Into<PathBuf>) -> Self {
        Self { git, root: root.into() }
    }
}
