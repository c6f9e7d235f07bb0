//! The shim's own log, in which nothing stands that its run was granted.
//!
//! Whoever starts a shim sets its log up before there is a run: what must not
//! be seen becomes known as soon as the spec was read, and a shim says nothing
//! of a run before.

use pilot_secrets::{NamedSecret, Redactor};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Cheap to clone; clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct OwnLog {
    redactor: Arc<Mutex<Option<Redactor>>>,
}

impl OwnLog {
    fn known(&self) -> MutexGuard<'_, Option<Redactor>> {
        self.redactor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same place, redacted. Each write is one line, or several whole ones.
    pub fn over<W: Write>(&self, place: W) -> OwnLogWriter<W> {
        OwnLogWriter { log: self.clone(), place }
    }

    /// Says what must not be seen from now on.
    pub(super) fn know(&self, redactor: &Redactor) {
        *self.known() = Some(redactor.clone());
    }

    /// This as well.
    pub(super) fn learn(&self, secret: &NamedSecret) {
        let mut known = self.known();
        let learnt = known.as_ref().map(|redactor| redactor.knowing(secret));
        *known = learnt.or_else(|| Some(Redactor::new(vec![secret.clone()])));
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
        let known = self.log.known().clone();
        match known {
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

    #[test]
    fn what_was_granted_is_kept_out_as_soon_as_it_is_known() {
        let (log, mut place) = (OwnLog::default(), Vec::new());
        log.over(&mut place).write_all(b"beginning\n").expect("it is memory");
        let value = Secret::new("s3cr3t-of-ours");
        log.know(&Redactor::new(vec![NamedSecret { name: "TOKEN".to_owned(), value }]));
        log.over(&mut place).write_all(b"lost `s3cr3t-of-ours`\n").expect("it is memory");
        assert_eq!(String::from_utf8_lossy(&place), "beginning\nlost `[redacted:TOKEN]`\n");

        place.clear();
        let value = Secret::new("n3xt-t0ken-of-ours");
        log.learn(&NamedSecret { name: "repository".to_owned(), value });
        log.over(&mut place).write_all(b"s3cr3t-of-ours n3xt-t0ken-of-ours").expect("memory");
        let both = "[redacted:TOKEN] [redacted:repository]";
        assert_eq!(String::from_utf8_lossy(&place), both, "the first stays known");
    }
}
