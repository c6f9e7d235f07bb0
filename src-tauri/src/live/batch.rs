//! Frames gathered for one crossing into the page: each crossing costs about
//! as much as a hundred short frames.

use std::time::{Duration, Instant};

/// One frame of a screen: nobody sees the difference, and forty busy logs
/// become sixty crossings a second instead of two thousand.
pub(crate) const AT_MOST: Duration = Duration::from_millis(16);
/// One crossing of this size takes half a millisecond.
pub(crate) const FULL: usize = 64 * 1024;

/// Frames that wait to cross.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    texts: Vec<String>,
    bytes: usize,
    since: Option<Instant>,
    crossed: Option<Instant>,
}

impl Batch {
    /// One more.
    pub(crate) fn push(&mut self, now: Instant, text: String) {
        self.since.get_or_insert(now);
        self.bytes += text.len();
        self.texts.push(text);
    }

    /// It must not grow any more.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= FULL
    }

    /// When it is to cross: a lone frame at once, those of a stream together,
    /// a full batch at once.
    pub(crate) fn due(&self) -> Option<Instant> {
        let since = self.since?;
        match self.crossed {
            Some(crossed) if !self.is_full() => Some(since.max(crossed + AT_MOST)),
            _ => Some(since),
        }
    }

    /// Everything, in order.
    pub(crate) fn take(&mut self, now: Instant) -> Vec<String> {
        self.bytes = 0;
        self.since = None;
        self.crossed = Some(now);
        std::mem::take(&mut self.texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_frame_crosses_at_once_and_a_stream_in_batches() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut batch = Batch::default();
        assert_eq!(batch.due(), None, "nothing waits");
        batch.push(at(0), "first".into());
        assert_eq!(batch.due(), Some(at(0)));
        assert_eq!(batch.take(at(0)), ["first"]);
        batch.push(at(1), "second".into());
        batch.push(at(9), "third".into());
        assert_eq!(batch.due(), Some(at(16)), "one crossing in 16 ms");
        assert_eq!(batch.take(at(16)), ["second", "third"], "in order");
        batch.push(at(500), "later".into());
        assert_eq!(batch.due(), Some(at(500)), "after a silence at once");
    }

    #[test]
    fn a_full_batch_crosses_at_once_and_takes_no_more() {
        let start = Instant::now();
        let mut batch = Batch::default();
        batch.push(start, "x".into());
        assert_eq!(batch.take(start).len(), 1);
        batch.push(start, "y".repeat(FULL - 1));
        assert!(!batch.is_full());
        batch.push(start, "z".into());
        assert!(batch.is_full());
        assert_eq!(batch.due(), Some(start), "it does not wait for its turn");
        batch.take(start);
        assert!(!batch.is_full(), "and begins anew");
    }
}
