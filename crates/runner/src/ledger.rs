//! What was made and must go again: an append-only file of JSON lines.
//!
//! **Invariant:** a resource stands in the ledger before it exists, and is
//! marked gone after it went. So after a crash at any point, everything that
//! exists is in [`Ledger::left`]; what is in it may never have existed.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Something that a run makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "resource", rename_all = "snake_case")]
pub enum Resource {
    /// A directory and all in it.
    Directory {
        /// Where.
        path: PathBuf,
    },
    /// A unix socket.
    Socket {
        /// Where.
        path: PathBuf,
    },
    /// The processes that carry a run's marker in their environment.
    Processes {
        /// The marker's value.
        run: String,
    },
    /// A branch in a remote.
    Branch {
        /// The remote, as the project names it.
        repo: String,
        /// Its name.
        branch: String,
    },
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { path } => write!(f, "directory `{}`", path.display()),
            Self::Socket { path } => write!(f, "socket `{}`", path.display()),
            Self::Processes { run } => write!(f, "processes of run `{run}`"),
            Self::Branch { repo, branch } => write!(f, "branch `{branch}` of `{repo}`"),
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It is about to be made.
    Made,
    /// It is not there (any more).
    Gone,
    /// It is there to stay: a published branch.
    Kept,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    state: State,
    #[serde(flatten)]
    resource: Resource,
}

/// A ledger file.
#[derive(Debug)]
pub struct Ledger {
    file: File,
    entries: Vec<(Resource, State)>,
}

impl Ledger {
    /// Opens a ledger; makes it, readable by its owner only, if it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut file = File::options().create(true).append(true).mode(0o600).open(path)?;
        if text.last().is_some_and(|last| *last != b'\n') {
            // A torn line of a crash; what it would have said was not done yet.
            file.write_all(b"\n")?;
        }
        let mut ledger = Self { file, entries: Vec::new() };
        for line in text.split(|byte| *byte == b'\n') {
            if let Ok(entry) = serde_json::from_slice::<Entry>(line) {
                ledger.set(&entry.resource, entry.state);
            }
        }
        Ok(ledger)
    }

    /// `resource` is about to be made.
    pub fn made(&mut self, resource: &Resource) -> io::Result<()> {
        self.write(resource, State::Made)
    }

    /// `resource` is not there any more.
    pub fn gone(&mut self, resource: &Resource) -> io::Result<()> {
        self.write(resource, State::Gone)
    }

    /// `resource` is what the run was for: it stays, and is nobody's litter.
    pub fn kept(&mut self, resource: &Resource) -> io::Result<()> {
        self.write(resource, State::Kept)
    }

    /// Everything that may still be there and should not.
    pub fn left(&self) -> Vec<Resource> {
        let made = self.entries.iter().filter(|(_, state)| *state == State::Made);
        made.map(|(resource, _)| resource.clone()).collect()
    }

    fn write(&mut self, resource: &Resource, state: State) -> io::Result<()> {
        if self.entries.contains(&(resource.clone(), state)) {
            return Ok(());
        }
        let entry = Entry { state, resource: resource.clone() };
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        // A handful of lines in a run: the promise "before" is worth the wait.
        self.file.sync_data()?;
        self.set(resource, state);
        Ok(())
    }

    fn set(&mut self, resource: &Resource, state: State) {
        match self.entries.iter_mut().find(|(known, _)| known == resource) {
            Some((_, known)) => *known = state,
            None => self.entries.push((resource.clone(), state)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> Resource {
        Resource::Directory { path: PathBuf::from(name) }
    }

    #[test]
    fn what_is_left_survives_a_restart_and_a_torn_line() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let path = home.path().join("ledger.jsonl");
        let branch = Resource::Branch { repo: "r".into(), branch: "b".into() };
        let mut ledger = Ledger::open(&path).expect("writable");
        ledger.made(&directory("/a")).expect("writable");
        ledger.made(&directory("/b")).expect("writable");
        ledger.made(&branch).expect("writable");
        ledger.gone(&directory("/a")).expect("writable");
        ledger.kept(&branch).expect("writable");
        drop(ledger);
        let mut file = File::options().append(true).open(&path).expect("writable");
        file.write_all(br#"{"state":"made","resou"#).expect("writable");

        let mut ledger = Ledger::open(&path).expect("readable");
        assert_eq!(ledger.left(), [directory("/b")], "a published branch is not litter");
        ledger.gone(&directory("/b")).expect("writable");
        assert_eq!(Ledger::open(&path).expect("readable").left(), []);
    }
}
