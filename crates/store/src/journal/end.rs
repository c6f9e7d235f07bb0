//! Where a journal ends, and which record may come next. Pure, and public: the
//! hub asks the same question before it folds records into its machines.

use pilot_proto::Cursor;

/// The end of a journal, as far as it is durable here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalEnd {
    /// The last record; `(0, 0)` for an empty journal.
    pub cursor: Cursor,
    /// Lines of the log.
    pub lines: u64,
    /// Bytes of JSON, uncompressed.
    pub bytes: u64,
}

/// What a record is to a journal that ends at some position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The next one.
    New,
    /// It is stored already.
    Duplicate,
    /// Records before it are missing, or its writer was replaced by a later
    /// incarnation.
    Hole,
}

impl JournalEnd {
    /// What a record at `next` is to this journal.
    pub fn admit(&self, next: Cursor) -> Admission {
        let end = self.cursor;
        if next.seq <= end.seq {
            return Admission::Duplicate;
        }
        // More than a database's integers hold; no honest writer gets there.
        if i64::try_from(next.seq).is_err() {
            return Admission::Hole;
        }
        // Only the border of two epochs may be jumped over: see `Cursor`. The
        // first epoch has no border before it.
        let crosses_border = next.epoch > end.epoch.max(1);
        let follows = next.epoch >= end.epoch && next.epoch > 0 && next.seq == end.seq + 1;
        if crosses_border || follows { Admission::New } else { Admission::Hole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_epochs_border_may_be_jumped_over() {
        let check = |end: (u32, u64), next: (u32, u64), expected: Admission| {
            let end =
                JournalEnd { cursor: Cursor { epoch: end.0, seq: end.1 }, ..JournalEnd::default() };
            let next = Cursor { epoch: next.0, seq: next.1 };
            assert_eq!(end.admit(next), expected, "{next:?} after {end:?}");
        };
        check((0, 0), (1, 1), Admission::New);
        check((0, 0), (1, 2), Admission::Hole);
        check((0, 0), (0, 1), Admission::Hole);
        check((0, 0), (2, Cursor::POWER_LOSS_GAP + 1), Admission::New);
        check((1, 5), (1, 6), Admission::New);
        check((1, 5), (1, 5), Admission::Duplicate);
        check((1, 5), (2, 5), Admission::Duplicate);
        check((1, 5), (1, 7), Admission::Hole);
        check((1, 5), (2, 6), Admission::New);
        check((1, 5), (3, Cursor::POWER_LOSS_GAP + 4), Admission::New);
        check((2, 5), (1, 6), Admission::Hole);
        check((2, 5), (3, u64::MAX), Admission::Hole);
    }
}
