//! Small private files of JSON, replaced whole.

use pilot_proto::{Code, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be {doing}", path.display())]
pub(crate) struct FileProblem {
    path: PathBuf,
    doing: &'static str,
    #[source]
    source: io::Error,
}

impl From<FileProblem> for Problem {
    fn from(error: FileProblem) -> Self {
        let message = format!("{error}: {}.", error.source);
        Self::new(Code::Internal, message).hint("Check the rights of the file and the free space.")
    }
}

/// What stands in it; nothing if it is not there.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileProblem> {
    let failed = |source| FileProblem { path: path.to_owned(), doing: "read", source };
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| failed(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Replaces it: a reader sees the old or the new contents, never a part.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), FileProblem> {
    let failed = |source| FileProblem { path: path.to_owned(), doing: "written", source };
    let json = serde_json::to_vec_pretty(value).map_err(|error| failed(error.into()))?;
    replace(path, &json).map_err(failed)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make_private(folder)?;
    }
    let draft = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)
}

/// Makes a folder that only its owner can look into.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
