//! Which hub the runner belongs to, and the key that it proves it with.

use crate::run_dir::replace;
use pilot_link::{Deadlines, Endpoint, EndpointError, JoinError, RunnerKey};
use pilot_proto::runner::{Join, JoinCode};
use pilot_proto::{Code, Problem, RunnerId, Secret};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// An enrolled runner.
#[derive(Debug, Clone)]
pub(super) struct Enrolment {
    pub(super) endpoint: Endpoint,
    pub(super) runner: RunnerId,
    pub(super) key: RunnerKey,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) hub: String,
    #[serde(default)]
    fingerprint: Option<String>,
    runner: RunnerId,
    name: String,
}

/// Why the runner belongs to no hub.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// The data directory remembers no hub.
    #[error("this runner belongs to no hub yet")]
    NotJoined,
    /// A file of it could not be read or written.
    #[error("`{}` cannot be used", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of it holds something else.
    #[error("`{}` does not hold what it should", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
    },
    /// The hub's address makes no sense.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The system gave no random bytes for a key.
    #[error(transparent)]
    Randomness(#[from] pilot_link::identity::NoRandomness),
    /// The hub did not enrol us.
    #[error(transparent)]
    Join(#[from] JoinError),
}

impl EnrolmentError {
    /// For a person.
    pub fn problem(&self) -> Problem {
        match self {
            Self::NotJoined => Problem::new(Code::Precondition, format!("{self}."))
                .hint("Run `pilot runner join-code` at the hub, then `pilot runner --join CODE`."),
            Self::File { source, .. } => Problem::new(Code::Internal, format!("{self}: {source}.")),
            Self::Damaged { .. } => Problem::new(Code::Internal, format!("{self}."))
                .hint("Move it away and join the hub again."),
            Self::Endpoint(error) => error.problem(),
            Self::Randomness(_) => Problem::new(Code::Internal, format!("{self}.")),
            Self::Join(error) => error.problem(),
        }
    }
}

/// The enrolment that `data` remembers.
pub(super) fn saved(data: &Path) -> Result<Enrolment, EnrolmentError> {
    enrolment(data, &remembered(data)?)
}

/// The same, with a hub that is at `url` now.
pub(super) fn moved(data: &Path, url: &str) -> Result<Enrolment, EnrolmentError> {
    let mut saved = remembered(data)?;
    if saved.hub != url {
        url.clone_into(&mut saved.hub);
        remember(data, &saved)?;
    }
    enrolment(data, &saved)
}

fn enrolment(data: &Path, saved: &Saved) -> Result<Enrolment, EnrolmentError> {
    let endpoint = Endpoint::new(&saved.hub, saved.fingerprint.as_deref())?;
    let key = read_key(data)?.ok_or(EnrolmentError::NotJoined)?;
    Ok(Enrolment { endpoint, runner: saved.runner, key })
}

/// What `data` remembers.
pub(super) fn remembered(data: &Path) -> Result<Saved, EnrolmentError> {
    let path = saved_file(data);
    let json = match std::fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(EnrolmentError::NotJoined);
        }
        Err(source) => return Err(EnrolmentError::File { path, source }),
    };
    serde_json::from_slice(&json).map_err(|_| EnrolmentError::Damaged { path })
}

fn remember(data: &Path, saved: &Saved) -> Result<(), EnrolmentError> {
    let json = serde_json::to_vec_pretty(saved).map_err(io::Error::from);
    json.and_then(|json| replace(&saved_file(data), &json))
        .map_err(|source| EnrolmentError::File { path: saved_file(data), source })
}

/// Enrols with a code and remembers it. The key is kept first: a code works
/// once, and what it bought must not be lost with the key.
pub(super) async fn join(
    data: &Path,
    code: &JoinCode,
    name: &str,
) -> Result<Enrolment, EnrolmentError> {
    let endpoint = Endpoint::of(code)?;
    let key = match read_key(data)? {
        Some(key) => key,
        None => make_key(data)?,
    };
    let join =
        Join { code: code.code.clone(), name: name.to_owned(), public_key: key.public_hex() };
    let joined = pilot_link::post_join(&endpoint, &join, Deadlines::default()).await?;
    let saved = Saved {
        hub: code.hub.clone(),
        fingerprint: code.fingerprint.clone(),
        runner: joined.runner,
        name: joined.hub,
    };
    remember(data, &saved)?;
    Ok(Enrolment { endpoint, runner: joined.runner, key })
}

fn saved_file(data: &Path) -> PathBuf {
    data.join("runner.json")
}

fn key_file(data: &Path) -> PathBuf {
    data.join("runner.key")
}

fn read_key(data: &Path) -> Result<Option<RunnerKey>, EnrolmentError> {
    let path = key_file(data);
    match std::fs::read_to_string(&path) {
        Ok(text) => RunnerKey::from_hex(&Secret::new(text))
            .map(Some)
            .map_err(|_| EnrolmentError::Damaged { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(EnrolmentError::File { path, source }),
    }
}

fn make_key(data: &Path) -> Result<RunnerKey, EnrolmentError> {
    let (path, key) = (key_file(data), RunnerKey::generate()?);
    replace(&path, key.to_hex().expose().as_bytes())
        .map_err(|source| EnrolmentError::File { path, source })?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_hub_that_moved_is_the_same_hub_with_the_same_key() {
        let home = tempfile::tempdir().expect("a directory");
        let key = make_key(home.path()).expect("a key");
        let hub = "http://127.0.0.1:1000".to_owned();
        let runner = RunnerId(Uuid::from_u128(7));
        let name = "hub".to_owned();
        let first = Saved { hub, fingerprint: None, runner, name };
        remember(home.path(), &first).expect("remembered");
        let moved = moved(home.path(), "http://127.0.0.1:2000").expect("an enrolment");
        assert_eq!(moved.runner, runner);
        assert_eq!(moved.key.public_hex(), key.public_hex());
        let now = remembered(home.path()).expect("remembered");
        assert_eq!(now.hub, "http://127.0.0.1:2000", "and the next start finds it, too");
    }
}
