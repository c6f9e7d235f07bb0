//! Where a secret stands in bytes that somebody else wrote: to say so, not to
//! change them.

use super::engine::Engine;
use super::stream::RedactedStream;
use std::sync::Arc;

/// Something that was found. Knows no value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighting {
    /// Name of the secret, or of the rule.
    pub name: String,
    /// Line that it begins in, counted from 1.
    pub line: u64,
    /// It only looks like a secret: a rule found it, and not a granted value.
    pub by_rule: bool,
}

/// A search of bytes that come in pieces; holds no more of them than a
/// [`RedactedStream`] does.
#[derive(Debug)]
pub struct Search {
    engine: Option<Arc<Engine>>,
    stream: RedactedStream,
    /// What the stream gives out; nobody wants it.
    scrap: Vec<u8>,
}

impl Search {
    pub(super) fn new(engine: Option<Arc<Engine>>) -> Self {
        let stream = RedactedStream::watching(engine.clone());
        Self { engine, stream, scrap: Vec::new() }
    }

    /// Looks at the next bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Sighting> {
        if self.engine.is_none() {
            return Vec::new();
        }
        self.stream.push(bytes, &mut self.scrap);
        self.seen()
    }

    /// The bytes have ended.
    pub fn finish(mut self) -> Vec<Sighting> {
        self.stream.finish(&mut self.scrap);
        self.seen()
    }

    fn seen(&mut self) -> Vec<Sighting> {
        self.scrap.clear();
        let Some(engine) = &self.engine else { return Vec::new() };
        let sighting = |(named, line)| {
            let (name, by_rule) = engine.name(named);
            Sighting { name: name.to_owned(), line, by_rule }
        };
        self.stream.found().into_iter().map(sighting).collect()
    }
}
