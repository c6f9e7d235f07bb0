//! The shim's own log, in which nothing stands that its run was granted.
//!
//! Whoever starts a shim sets its log up before there is a run: what must not
//! be seen becomes known as soon as the spec was read, and a shim says nothing
//! of a run before.

use pilot_secrets::Redactor;
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

/// Cheap to clone; clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct OwnLog {
    redactor: Arc<OnceLock<Redactor>>,
}

impl OwnLog {
    /// The same place, redacted. Each write is one line, or several whole ones.
    pub fn over<W: Write>(&self, place: W) -> OwnLogWriter<W> {
        OwnLogWriter { log: self.clone(), place }
    }

    /// Says what must not be seen from now on.
    pub(super) fn know(&self, redactor: &Redactor) {
        if self.redactor.set(redactor.clone()).is_err() {
            tracing::warn!("the log of a shim is of one run alone");
        }
    }
}

/// See [`OwnLog::over`].
#[derive(Debug)]
pub struct OwnLogWriter<W> {
    log: OwnLog,
    place: W,
}

impl<W: Write> Write for OwnLogWriter<W> {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        match self.log.redactor.get() {
            Some(redactor) => self.place.write_all(&redactor.redact_bytes(lines))?,
            None => self.place.write_all(lines)?,
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.place.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::Secret;
    use pilot_secrets::NamedSecret;

    #[test]
    fn what_was_granted_is_kept_out_as_soon_as_it_is_known() {
        let (log, mut place) = (OwnLog::default(), Vec::new());
        log.over(&mut place).write_all(b"beginning\n").expect("it is memory");
        let value = Secret::new("s3cr3t-of-ours");
        log.know(&Redactor::new(vec![NamedSecret { name: "TOKEN".to_owned(), value }]));
        log.over(&mut place).write_all(b"lost `s3cr3t-of-ours`\n").expect("it is memory");
        assert_eq!(String::from_utf8_lossy(&place), "beginning\nlost `[redacted:TOKEN]`\n");
    }
}
