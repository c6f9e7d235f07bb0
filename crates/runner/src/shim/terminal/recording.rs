//! What a terminal showed, as an asciicast (version 2): a header and a JSON
//! line for each piece, played by `asciinema play` and others. Typed keys are
//! not in it; what a program echoes is.
//!
//! Source: <https://docs.asciinema.org/manual/asciicast/v2/>.

use crate::clock::SteadyClock;
use crate::run_dir::beneath;
use pilot_proto::Timestamp;
use serde_json::json;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A working day of typing has some megabytes; more is a program that floods.
const LARGEST: u64 = 64 * 1024 * 1024;
/// Recordings of one run.
const MOST: u32 = 1000;

/// A recording under way: a file among the run's artifacts.
pub(super) struct Recording {
    file: File,
    clock: SteadyClock,
    began: Timestamp,
    written: u64,
    /// The beginning of a character whose rest has not come.
    begun: Vec<u8>,
}

impl Recording {
    /// Begins one in this directory, which the run may write to as well.
    pub(super) fn begin(
        directory: &Path,
        (columns, rows): (u16, u16),
        clock: SteadyClock,
    ) -> io::Result<Self> {
        let name = (1..MOST)
            .map(|number| PathBuf::from(format!("terminal-{number}.cast")))
            .find(|name| directory.join(name).symlink_metadata().is_err())
            .ok_or_else(|| io::Error::other("too many recordings"))?;
        let mut file = beneath::create(directory, &name, 0o600)?;
        let began = clock.now();
        let head = json!({
            "version": 2, "width": columns, "height": rows, "timestamp": began.0 / 1_000_000,
            "env": { "TERM": "xterm-256color" },
        });
        writeln!(file, "{head}")?;
        Ok(Self { file, clock, began, written: 0, begun: Vec::new() })
    }

    /// This was shown.
    pub(super) fn shown(&mut self, bytes: &[u8]) {
        self.begun.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.begun) {
            Ok(_) => self.begun.len(),
            // A character that is not whole yet; what is no text stays in.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => self.begun.len(),
        };
        let bytes: Vec<u8> = self.begun.drain(..whole).collect();
        if !bytes.is_empty() {
            self.write("o", &String::from_utf8_lossy(&bytes));
        }
    }

    /// It has this size now.
    pub(super) fn resized(&mut self, (columns, rows): (u16, u16)) {
        self.write("r", &format!("{columns}x{rows}"));
    }

    fn write(&mut self, code: &str, data: &str) {
        if self.written > LARGEST {
            return;
        }
        let seconds = self.clock.now().since(self.began).as_secs_f64();
        let mut line = json!([seconds, code, data]).to_string();
        line.push('\n');
        self.written += line.len() as u64;
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            tracing::warn!(%error, "the terminal is not recorded any more");
            self.written = u64::MAX;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_an_asciicast_and_cuts_no_character() {
        let directory = tempfile::tempdir().expect("a directory");
        let clock = SteadyClock::start();
        let mut recording = Recording::begin(directory.path(), (80, 24), clock).expect("it begins");
        recording.shown(b"$ \xe2\x82");
        recording.shown(b"\xac\r\n");
        recording.resized((100, 30));
        recording.shown(b"\xff!");
        let second = Recording::begin(directory.path(), (80, 24), clock).expect("another");
        drop((recording, second));
        let text = std::fs::read_to_string(directory.path().join("terminal-1.cast")).expect("it");
        let mut lines = text.lines().map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("each line is JSON")
        });
        let head = lines.next().expect("a header");
        assert_eq!(
            (&head["version"], &head["width"], &head["height"]),
            (&json!(2), &json!(80), &json!(24))
        );
        let rest: Vec<_> = lines.map(|line| (line[1].clone(), line[2].clone())).collect();
        let expected = [("o", "$ "), ("o", "€\r\n"), ("r", "100x30"), ("o", "\u{fffd}!")];
        assert_eq!(rest, expected.map(|(code, data)| (json!(code), json!(data))));
        assert!(directory.path().join("terminal-2.cast").exists(), "none is written over");
    }
}
