//! What was made and must go again: a file of JSON lines that grows at its end
//! and is written anew, whole, when most of it tells of what is gone.
//!
//! **Invariant:** a resource stands in the ledger before it exists, and is
//! marked gone after it went. So after a crash at any point, everything that
//! exists is in [`Ledger::left`]; what is in it may never have existed.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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

/// Lines that tell of nothing any more, at most, beside as many as tell of
/// something: rarely enough that writing anew costs a run next to nothing, and
/// a file that is read in no time.
const STALE: usize = 256;

/// A ledger file.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    /// Lines in the file.
    lines: usize,
    /// What is not gone.
    entries: BTreeMap<Resource, State>,
}

impl Ledger {
    /// Opens a ledger; makes it, readable by its owner only, if it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut file = appending(path)?;
        if text.last().is_some_and(|last| *last != b'\n') {
            // A torn line of a crash; what it would have said was not done yet.
            file.write_all(b"\n")?;
        }
        let mut ledger = Self { path: path.to_owned(), file, lines: 0, entries: BTreeMap::new() };
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            ledger.lines += 1;
            if let Ok(entry) = serde_json::from_slice::<Entry>(line) {
                ledger.set(&entry.resource, entry.state);
            }
        }
        ledger.shorten();
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
        let made = self.entries.iter().filter(|(_, state)| **state == State::Made);
        made.map(|(resource, _)| resource.clone()).collect()
    }

    fn write(&mut self, resource: &Resource, state: State) -> io::Result<()> {
        let known = self.entries.get(resource).copied().unwrap_or(State::Gone);
        if known == state {
            return Ok(());
        }
        self.file.write_all(&line(resource, state)?)?;
        // A handful of lines in a run: the promise "before" is worth the wait.
        self.file.sync_data()?;
        self.lines += 1;
        self.set(resource, state);
        self.shorten();
        Ok(())
    }

    fn set(&mut self, resource: &Resource, state: State) {
        match state {
            State::Made | State::Kept => {
                self.entries.insert(resource.clone(), state);
            }
            State::Gone => {
                self.entries.remove(resource);
            }
        }
    }

    /// Writes the file anew without what is gone, if that is most of it. The
    /// long one is as true, so a failure changes nothing.
    fn shorten(&mut self) {
        if self.lines <= 2 * self.entries.len() + STALE {
            return;
        }
        match self.written_anew() {
            Ok(file) => {
                self.file = file;
                self.lines = self.entries.len();
            }
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "the ledger was not shortened");
            }
        }
    }

    /// Beside its place, and moved there when it is whole and on the disk.
    fn written_anew(&self) -> io::Result<File> {
        let beside = self.path.with_extension("new");
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // What a crash left, if anything.
            _ => {}
        }
        let mut text = Vec::new();
        for (resource, state) in &self.entries {
            text.extend(line(resource, *state)?);
        }
        let mut file = appending(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)?;
        Ok(file)
    }
}

/// Readable by its owner only; made if it is not there.
fn appending(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().create(true).append(true).mode(0o600).open(path)
}

fn line(resource: &Resource, state: State) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Entry { state, resource: resource.clone() })?;
    line.push(b'\n');
    Ok(line)
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

    #[test]
    fn what_is_gone_does_not_stay_in_the_file() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let path = home.path().join("ledger.jsonl");
        let branch = Resource::Branch { repo: "r".into(), branch: "b".into() };
        std::fs::write(path.with_extension("new"), b"of a crash").expect("writable");
        let mut ledger = Ledger::open(&path).expect("writable");
        ledger.kept(&branch).expect("writable");
        ledger.made(&directory("/stays")).expect("writable");
        for run in 0..STALE {
            let run = directory(&format!("/run-{run}"));
            ledger.made(&run).expect("writable");
            ledger.gone(&run).expect("writable");
        }
        ledger.made(&directory("/late")).expect("writable");
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(text.lines().count() <= STALE + 6, "{} lines", text.lines().count());
        assert!(text.contains(r#""state":"kept""#), "what was published is remembered");

        let ledger = Ledger::open(&path).expect("readable");
        assert_eq!(ledger.left(), [directory("/late"), directory("/stays")]);
    }

    #[test]
    fn a_long_file_of_an_earlier_version_is_shortened_when_it_is_opened() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let path = home.path().join("ledger.jsonl");
        let mut text = Vec::new();
        for run in 0..STALE {
            let run = directory(&format!("/run-{run}"));
            text.extend(line(&run, State::Made).expect("serialises"));
            text.extend(line(&run, State::Gone).expect("serialises"));
        }
        text.extend(line(&directory("/stays"), State::Made).expect("serialises"));
        std::fs::write(&path, text).expect("writable");

        let mut ledger = Ledger::open(&path).expect("readable");
        assert_eq!(std::fs::read_to_string(&path).expect("readable").lines().count(), 1);
        assert_eq!(ledger.left(), [directory("/stays")]);
        ledger.gone(&directory("/stays")).expect("writable");
        assert_eq!(Ledger::open(&path).expect("readable").left(), [], "it goes on in the new file");
    }
}
