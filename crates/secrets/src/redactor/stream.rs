//! Redaction of bytes that come in pieces.

use super::Patterns;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One stream under redaction.
#[derive(Debug)]
pub struct RedactedStream {
    patterns: Option<Arc<Patterns>>,
    /// Bytes that may be the beginning of a form.
    held: Vec<u8>,
    /// How many of the held bytes a form has covered already. They are held
    /// only because another form may begin among them.
    covered: usize,
    /// The secret whose marker stands at the end of what came out so far.
    last: Option<usize>,
}

/// A form found: `bytes[start..end]` is of `secret`.
#[derive(Clone, Copy)]
struct Found {
    start: usize,
    end: usize,
    secret: usize,
}

impl RedactedStream {
    pub(super) fn new(patterns: Option<Arc<Patterns>>) -> Self {
        Self { patterns, held: Vec::new(), covered: 0, last: None }
    }

    /// Takes bytes in and appends to `out` what can be told to be harmless.
    /// Held back is only what may be the beginning of a secret: nothing at
    /// all for ordinary output, never more than the longest form.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(patterns) = self.patterns.clone() else {
            out.extend_from_slice(bytes);
            return;
        };
        if self.held.is_empty() {
            self.take(&patterns, bytes, patterns.undecided_from(bytes), out);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(bytes);
            self.take(&patterns, &held, patterns.undecided_from(&held), out);
        }
    }

    /// The stream paused or ended: what was held back is no secret.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(patterns) = self.patterns.clone() {
            let held = std::mem::take(&mut self.held);
            self.take(&patterns, &held, held.len(), out);
            self.last = None;
        }
    }

    /// True if nothing is held back.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Gives out `bytes[..undecided]` and holds the rest. Every form that
    /// begins in the first part ends within `bytes`: otherwise its beginning
    /// would be undecided.
    fn take(&mut self, patterns: &Patterns, bytes: &[u8], undecided: usize, out: &mut Vec<u8>) {
        // Everything before this has come out, as it was or as a marker.
        let mut done = self.covered;
        for found in find(patterns, bytes, undecided) {
            if found.end <= done {
                continue;
            }
            if found.start > done {
                out.extend_from_slice(&bytes[done..found.start]);
                self.last = None;
            }
            // One secret in two overlapping forms is one find.
            if self.last != Some(found.secret) {
                let secret = &patterns.secrets[found.secret];
                out.extend_from_slice(secret.marker.as_bytes());
                secret.count.fetch_add(1, Ordering::Relaxed);
                self.last = Some(found.secret);
            }
            done = found.end;
        }
        if done < undecided {
            out.extend_from_slice(&bytes[done..undecided]);
            self.last = None;
            done = undecided;
        }
        self.covered = done - undecided;
        self.held = bytes[undecided..].to_vec();
    }
}

/// Forms that begin before `undecided`, first ones first, long ones first.
fn find(patterns: &Patterns, bytes: &[u8], undecided: usize) -> Vec<Found> {
    // The plain search skips ahead; ordinary output pays for nothing else.
    if !patterns.automaton.is_match(bytes) {
        return Vec::new();
    }
    let mut found: Vec<Found> = patterns
        .automaton
        .find_overlapping_iter(bytes)
        .filter(|found| found.start() < undecided)
        .map(|found| Found {
            start: found.start(),
            end: found.end(),
            secret: patterns.forms[found.pattern().as_usize()].secret,
        })
        .collect();
    found.sort_unstable_by_key(|found| (found.start, usize::MAX - found.end, found.secret));
    found
}
