//! The log: a file of bounded size, the one before it, and the last lines in
//! memory, for a crash.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, TryLockError};

/// Two of these: a few days of an ordinary hub.
const MOST: u64 = 4 * 1024 * 1024;
/// What a crash report shows.
const LAST: usize = 100;

/// The last lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    fn push(&self, line: &str) {
        let Ok(mut lines) = self.0.lock() else { return };
        if lines.len() == LAST {
            lines.pop_front();
        }
        lines.push_back(line.trim_end().to_owned());
    }

    /// As far as they can be had: whoever panics may be writing one.
    pub(crate) fn text(&self) -> String {
        let lines = match self.0.try_lock() {
            Ok(lines) => lines,
            Err(TryLockError::Poisoned(lines)) => lines.into_inner(),
            Err(TryLockError::WouldBlock) => return String::new(),
        };
        lines.iter().fold(String::new(), |text, line| text + line + "\n")
    }
}

/// The file.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    most: u64,
    last: LastLines,
}

impl LogFile {
    /// Goes on with `pilothouse.log` in `folder`.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        crate::json_file::make_private(folder)?;
        let path = folder.join("pilothouse.log");
        let file = append(&path)?;
        let size = file.metadata()?.len();
        Ok(Self { path, file, size, most: MOST, last: LastLines::default() })
    }

    /// What was written last.
    pub(crate) fn last_lines(&self) -> LastLines {
        self.last.clone()
    }

    fn turn_over(&mut self) -> io::Result<()> {
        std::fs::rename(&self.path, self.path.with_extension("log.1"))?;
        self.file = append(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// One call is one line: that is how the log writes.
impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.last.push(&String::from_utf8_lossy(line));
        if self.size >= self.most {
            self.turn_over()?;
        }
        self.file.write_all(line)?;
        self.size += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_never_grows_past_its_bound_and_keeps_what_came_last() {
        let home = tempfile::tempdir().expect("a directory");
        let mut log = LogFile::open(home.path()).expect("it opens");
        log.most = 1000;
        for number in 0..500 {
            log.write_all(format!("line {number}\n").as_bytes()).expect("written");
        }
        let size = |name| std::fs::metadata(home.path().join(name)).expect("a file").len();
        assert!(size("pilothouse.log") <= 1020 && size("pilothouse.log.1") <= 1020);
        let last = log.last_lines().text();
        assert_eq!(last.lines().count(), LAST);
        assert!(last.ends_with("line 499\n"), "{last}");
        drop(log);
        let mut again = LogFile::open(home.path()).expect("it opens again");
        again.write_all(b"line 500\n").expect("written");
        let text = std::fs::read_to_string(home.path().join("pilothouse.log")).expect("a file");
        assert!(text.contains("line 499") && text.contains("line 500"), "it goes on: {text}");
    }
}
