//! A command whose output is read while it runs: piece by piece, so that its
//! length does not matter.

use super::{Group, Invocation, STDERR_KEPT, last};
use crate::error::GitError;
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

/// As much of an output as is looked at in one go.
const PIECE: usize = 64 * 1024;
/// A header, or a name with its path, is never longer: git bounds paths at 4096.
const LINE: u64 = 16 * 1024;

/// A command under way. Dropped before its end, it dies.
pub(crate) struct Piped {
    doing: String,
    group: Group,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    stderr: ChildStderr,
}

impl Invocation<'_> {
    /// Starts it; whoever reads has the deadline in hand.
    pub(crate) fn piped(mut self) -> Result<Piped, GitError> {
        // Any input makes it a pipe.
        self.input = vec![b'\n'];
        let mut group = self.spawn()?;
        let child = &mut group.child;
        let stdin = child.stdin.take().expect("it was piped");
        let stdout = BufReader::with_capacity(PIECE, child.stdout.take().expect("it was piped"));
        let stderr = child.stderr.take().expect("it was piped");
        Ok(Piped { doing: self.doing.to_owned(), group, stdin, stdout, stderr })
    }
}

impl Piped {
    /// Writes a line to its input.
    pub(crate) async fn say(&mut self, line: &str) -> Result<(), GitError> {
        let line = format!("{line}\n");
        let said = self.stdin.write_all(line.as_bytes()).await;
        said.map_err(|error| self.broken(&error))
    }

    /// The next line of its output, without the line break; none at the end.
    pub(crate) async fn line(&mut self) -> Result<Option<Vec<u8>>, GitError> {
        let mut line = Vec::new();
        let read = (&mut self.stdout).take(LINE).read_until(b'\n', &mut line).await;
        match read {
            Ok(0) => Ok(None),
            Ok(_) if line.pop_if(|byte| *byte == b'\n').is_some() => Ok(Some(line)),
            Ok(_) => Err(self.broken(&io::Error::other("a line has no end"))),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// The next `length` bytes of its output, and the line break behind them.
    pub(crate) async fn bytes(
        &mut self,
        length: u64,
        look: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), GitError> {
        let mut left = length;
        while left > 0 {
            let piece = match self.stdout.fill_buf().await {
                Ok([]) => return Err(self.broken(&io::ErrorKind::UnexpectedEof.into())),
                Ok(piece) => piece,
                Err(error) => return Err(self.broken(&error)),
            };
            let taken = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            look(&piece[..taken]);
            self.stdout.consume(taken);
            left -= taken as u64;
        }
        let end = self.stdout.read_u8().await;
        end.map(drop).map_err(|error| self.broken(&error))
    }

    /// Ends it: there is no more input, and nothing more is read.
    pub(crate) async fn finish(mut self) -> Result<(), GitError> {
        drop(self.stdin);
        drop(self.stdout);
        let said = last(self.stderr, STDERR_KEPT).await.unwrap_or_default();
        let ended = self.group.child.wait().await;
        self.group.pid = None;
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(GitError::Failed {
                doing: self.doing,
                said: super::reason(&String::from_utf8_lossy(&said)),
            }),
            Err(error) => Err(GitError::Failed { doing: self.doing, said: error.to_string() }),
        }
    }

    fn broken(&self, error: &io::Error) -> GitError {
        GitError::Failed { doing: self.doing.clone(), said: error.to_string() }
    }
}
