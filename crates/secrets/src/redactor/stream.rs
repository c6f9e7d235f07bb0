//! Redaction of bytes that come in pieces.
//!
//! Places are decided from left to right: at each either something begins or
//! not, and what is not known yet waits for more bytes. What has been decided
//! comes out at once.

use super::engine::{Engine, Found, Named, Verdict};
use super::grams::Beginning;
use super::rules::{Place, Tail};
use std::sync::Arc;

/// One stream under redaction.
#[derive(Debug)]
pub struct RedactedStream {
    engine: Option<Arc<Engine>>,
    /// Bytes that are not decided, and some before them as their context.
    held: Vec<u8>,
    /// From here on the held bytes are not decided.
    decided: usize,
    /// Up to here they have come out, as they were or as a marker.
    done: usize,
    /// Up to here a rule's find reaches.
    ruled: usize,
    /// What the last find goes on with, right behind `ruled`.
    tail: Tail,
    /// What was found to begin at a place that is not decided yet.
    ahead: Vec<Found>,
    /// Whose marker stands at the end of what came out so far.
    last: Option<Named>,
    /// Somebody wants to know where things stand, and no marked bytes.
    watch: Option<Watch>,
}

/// What was found, and how many lines have gone by.
#[derive(Debug, Default)]
struct Watch {
    lines: u64,
    found: Vec<(Named, u64)>,
}

/// Bytes of a begun secret that may be shown when the stream pauses: too few
/// to tell anything, and a prompt's last letters are often a secret's first.
const SHOWN_IN_A_PAUSE: usize = 3;

impl RedactedStream {
    pub(super) fn new(engine: Option<Arc<Engine>>) -> Self {
        let (held, ahead, tail) = (Vec::new(), Vec::new(), Tail::None);
        Self { engine, held, decided: 0, done: 0, ruled: 0, tail, ahead, last: None, watch: None }
    }

    pub(super) fn watching(engine: Option<Arc<Engine>>) -> Self {
        Self { watch: Some(Watch::default()), ..Self::new(engine) }
    }

    /// What was found since the last time, each with its line, counted from 1.
    pub(super) fn found(&mut self) -> Vec<(Named, u64)> {
        self.watch.as_mut().map(|watch| std::mem::take(&mut watch.found)).unwrap_or_default()
    }

    /// Takes bytes in and appends to `out` what can be told to be harmless.
    /// Held back is only what may be the beginning of a secret: next to nothing
    /// for ordinary output, never more than the longest form (with its line
    /// breaks) or what a rule needs to decide (1.3 KB).
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(engine) = self.engine.clone() else {
            out.extend_from_slice(bytes);
            return;
        };
        self.held.extend_from_slice(bytes);
        self.take(&engine, false, out);
    }

    /// Nothing comes for a while. What was held back because it might begin a
    /// secret is shown, if it is only a few bytes; a secret that goes on later
    /// is still found, and the rest of it is not shown.
    pub fn pause(&mut self, out: &mut Vec<u8>) {
        if self.held.len() - self.done <= SHOWN_IN_A_PAUSE {
            self.show(self.held.len(), out);
        }
    }

    /// The stream ended: what was held back is no secret.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(engine) = self.engine.clone() {
            self.take(&engine, true, out);
            self.last = None;
            self.tail = Tail::None;
        }
    }

    /// True if nothing is held back.
    pub fn is_empty(&self) -> bool {
        self.done >= self.held.len()
    }

    fn take(&mut self, engine: &Engine, last: bool, out: &mut Vec<u8>) {
        self.follow_tail();
        let mut at = self.decided;
        while let Some(place) = engine.next(&self.held, at) {
            let here = Place { bytes: &self.held, at: place, last };
            let before = self.ahead.len();
            match engine.look(here, place >= self.ruled, &mut self.ahead) {
                Verdict::Decided => at = place + 1,
                Verdict::Undecided { from } => {
                    let shown = self.harmless_until(engine, place, from);
                    self.cover_before(engine, place, out);
                    return self.show_and_forget(shown, place, out);
                }
            }
            let by_rule = |found: &&Found| matches!(found.named, Named::Rule(_));
            if let Some(found) = self.ahead[before..].iter().find(by_rule) {
                self.ruled = found.end;
            }
            self.cover_before(engine, at, out);
        }
        at = if last { self.held.len() } else { at.max(self.held.len().saturating_sub(3)) };
        self.cover_before(engine, at, out);
        let begins = |at: &usize| engine.beginning(&self.held[*at..]) != Beginning::Nothing;
        let decided = (at..self.held.len()).find(begins).unwrap_or(self.held.len());
        let shown = self.harmless_until(engine, decided, self.held.len());
        self.cover_before(engine, decided, out);
        self.show_and_forget(shown, decided, out);
    }

    /// What stands at `from` is not decided, and what would be secret of it
    /// begins at `until`: up to where, then, the bytes between may be shown.
    fn harmless_until(&self, engine: &Engine, from: usize, mut until: usize) -> usize {
        let (mut at, mut found) = (from + 1, Vec::new());
        while let Some(place) = engine.next(&self.held, at).filter(|place| *place < until) {
            let here = Place { bytes: &self.held, at: place, last: false };
            if let Verdict::Undecided { from } = engine.look(here, true, &mut found) {
                until = until.min(from);
            }
            until = found.iter().fold(until, |until, found| until.min(found.start));
            at = place + 1;
        }
        // The last three bytes are no whole gram.
        let mut last = from.max(self.held.len().saturating_sub(3))..until;
        let held = last.find(|at| engine.beginning(&self.held[*at..]) == Beginning::Held);
        held.unwrap_or(until)
    }

    /// Covers what was found to begin before `place`.
    fn cover_before(&mut self, engine: &Engine, place: usize, out: &mut Vec<u8>) {
        if self.ahead.is_empty() {
            return;
        }
        // First ones first; at the same place what was granted, then long ones.
        let by_rule = |found: &Found| matches!(found.named, Named::Rule(_));
        self.ahead.sort_by_key(|found| {
            (found.start, by_rule(found), usize::MAX - found.end, found.named)
        });
        let due = self.ahead.iter().take_while(|found| found.start < place).count();
        for found in self.ahead.drain(..due).collect::<Vec<_>>() {
            self.cover(engine, found, out);
        }
    }

    fn show_and_forget(&mut self, shown: usize, decided: usize, out: &mut Vec<u8>) {
        let ahead = self.ahead.iter().map(|found| found.start).min();
        self.show(ahead.map_or(shown, |ahead| ahead.min(shown)), out);
        self.forget(decided);
    }

    /// What the last find goes on with is covered as well.
    fn follow_tail(&mut self) {
        let from = self.ruled.min(self.held.len());
        let rest = &self.held[from..];
        let (taken, more) = match &mut self.tail {
            Tail::None => return,
            Tail::Class(class, left) => {
                let most = rest.len().min(*left);
                let taken = rest[..most].iter().take_while(|byte| class.has(**byte)).count();
                *left -= taken;
                (taken, taken == rest.len() && *left > 0)
            }
            Tail::Pem(pem) => pem.take(rest),
        };
        self.ruled = from + taken;
        self.done = self.done.max(self.ruled);
        if !more {
            self.tail = Tail::None;
        }
    }

    /// Puts a marker in place of what was found.
    fn cover(&mut self, engine: &Engine, found: Found, out: &mut Vec<u8>) {
        if found.end > self.done {
            self.show(found.start, out);
            // One secret in two overlapping forms is one find.
            if self.last != Some(found.named) {
                match &mut self.watch {
                    None => engine.mark(found.named, out),
                    Some(watch) => {
                        let line = watch.lines + lines(&self.held[..found.start]) + 1;
                        watch.found.push((found.named, line));
                    }
                }
                self.last = Some(found.named);
            }
            self.done = found.end;
        }
        if found.tail != Tail::None {
            self.tail = found.tail;
            self.follow_tail();
        }
    }

    /// Gives out what stands before `to`.
    fn show(&mut self, to: usize, out: &mut Vec<u8>) {
        if to > self.done {
            out.extend_from_slice(&self.held[self.done..to]);
            (self.done, self.last) = (to, None);
        }
    }

    /// Lets go of what is before `decided`, but for its context.
    fn forget(&mut self, decided: usize) {
        let gone = decided.min(self.done).saturating_sub(Engine::CONTEXT);
        if let Some(watch) = &mut self.watch {
            watch.lines += lines(&self.held[..gone]);
        }
        self.held.drain(..gone);
        self.decided = decided - gone;
        self.done -= gone;
        self.ruled = self.ruled.saturating_sub(gone);
        for found in &mut self.ahead {
            (found.start, found.end) = (found.start - gone, found.end - gone);
        }
    }
}

fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// The whole of a text; none if nothing was found.
pub(super) fn whole(engine: &Arc<Engine>, bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(place) = engine.next(bytes, at) {
        // A look without consequences: most texts hold nothing.
        engine.look(Place { bytes, at: place, last: true }, true, &mut found);
        if !found.is_empty() {
            let (mut stream, mut out) = (RedactedStream::new(Some(engine.clone())), Vec::new());
            stream.push(bytes, &mut out);
            stream.finish(&mut out);
            return Some(out);
        }
        at = place + 1;
    }
    None
}
