//! Which line of the old text stands beside which of the new.
//!
//! An [`Alignment`] holds runs of rows and where every few hundredth line
//! begins, not the texts and not one entry per line: it is small enough to be
//! kept, and any window of a file of any length can be shown from it.

mod lines;
mod pair;
mod space;

pub(crate) use self::lines::Lines;
pub(crate) use self::pair::words;

use self::pair::{is_choice, pair};
use self::space::without_space;
use similar::algorithms::{Capture, Compact, Replace, myers};
use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices_deadline};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant};

/// The alignment of two texts, row by row, without the texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alignment {
    runs: Vec<Run>,
    rows: u64,
    approximate: bool,
    pub(crate) old: Lines,
    pub(crate) new: Lines,
}

/// Rows of one kind, one below the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// First row.
    pub(crate) row: u64,
    /// How many.
    pub(crate) rows: u64,
    /// Number of the first line on the old side, from 0.
    pub(crate) old: u64,
    /// Number of the first line on the new side, from 0.
    pub(crate) new: u64,
    pub(crate) kind: Kind,
}

/// What is on a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The same line on both sides.
    Same,
    /// Two lines that differ.
    Pair,
    /// A line on the old side only.
    Old,
    /// A line on the new side only.
    New,
}

impl Run {
    pub(crate) fn end(&self) -> u64 {
        self.row + self.rows
    }
}

impl Alignment {
    /// Aligns two texts. When the deadline runs out the alignment is still
    /// right, but not the smallest.
    pub fn new(old: &[u8], new: &[u8], deadline: Duration) -> Self {
        Self::by(old, new, (old, new), deadline)
    }

    /// The same, but lines that differ in white space only are equal.
    pub fn ignoring_space(old: &[u8], new: &[u8], deadline: Duration) -> Self {
        Self::by(old, new, (&without_space(old), &without_space(new)), deadline)
    }

    /// Aligns two texts by what stands for their lines, line by line.
    fn by(old: &[u8], new: &[u8], compared: (&[u8], &[u8]), deadline: Duration) -> Self {
        let deadline = Instant::now() + deadline;
        let (old_lines, new_lines) = (Lines::of(old), Lines::of(new));
        let mut building = Building {
            old: Text { text: old, lines: &old_lines, compared: compared.0 },
            new: Text { text: new, lines: &new_lines, compared: compared.1 },
            deadline,
            runs: Vec::new(),
            row: 0,
        };
        building.align();
        Self {
            rows: building.row,
            runs: building.runs,
            approximate: Instant::now() > deadline,
            old: old_lines,
            new: new_lines,
        }
    }

    /// The deadline ran out.
    pub fn approximate(&self) -> bool {
        self.approximate
    }

    /// Rows, unfolded.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Lines added and removed.
    pub fn size(&self) -> (u64, u64) {
        self.runs.iter().fold((0, 0), |(added, removed), run| match run.kind {
            Kind::Same => (added, removed),
            Kind::Pair => (added + run.rows, removed + run.rows),
            Kind::Old => (added, removed + run.rows),
            Kind::New => (added + run.rows, removed),
        })
    }

    /// Ranges of rows that differ, in order.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut runs = self.runs.iter().filter(|run| run.kind != Kind::Same).peekable();
        std::iter::from_fn(move || {
            let first = runs.next()?;
            let mut end = first.end();
            while let Some(next) = runs.next_if(|run| run.row == end) {
                end = next.end();
            }
            Some((first.row, end))
        })
    }

    /// The runs from the one that has this row on.
    pub(crate) fn runs_from(&self, row: u64) -> &[Run] {
        let at = self.runs.partition_point(|run| run.end() <= row);
        &self.runs[at..]
    }
}

/// One side of an alignment being made.
struct Text<'a> {
    text: &'a [u8],
    lines: &'a Lines,
    /// As many lines as the text has; those that are equal here count as equal.
    compared: &'a [u8],
}

impl<'a> Text<'a> {
    /// The lines that `compared` stand for.
    fn range<'b>(&self, lines: &Range<usize>, compared: &'b [&'a [u8]]) -> Cow<'b, [&'a [u8]]> {
        if std::ptr::eq(self.text, self.compared) {
            return Cow::Borrowed(compared);
        }
        Cow::Owned(self.lines.from(self.text, lines.start as u64).take(lines.len()).collect())
    }
}

/// An alignment being made.
struct Building<'a> {
    old: Text<'a>,
    new: Text<'a>,
    deadline: Instant,
    runs: Vec<Run>,
    row: u64,
}

impl<'a> Building<'a> {
    fn align(&mut self) {
        let (old, new) = (self.old.compared, self.new.compared);
        // What both begin and end with is most of a large file, and comparing
        // bytes is much cheaper than numbering lines.
        let head = common_head(old, new);
        let tail = common_tail(&old[head.bytes..], &new[head.bytes..]);
        let old = split(&old[head.bytes..old.len() - tail.bytes]);
        let new = split(&new[head.bytes..new.len() - tail.bytes]);
        debug_assert_eq!(self.old.lines.count(), (head.lines + old.len() + tail.lines) as u64);
        debug_assert_eq!(self.new.lines.count(), (head.lines + new.len() + tail.lines) as u64);
        self.push(Kind::Same, head.lines, 0, 0);
        self.middle(&old, &new, head.lines);
        self.push(Kind::Same, tail.lines, head.lines + old.len(), head.lines + new.len());
    }

    fn middle(&mut self, old: &[&'a [u8]], new: &[&'a [u8]], before: usize) {
        for op in self.difference(old, new) {
            let (tag, olds, news) = op.as_tag_tuple();
            let (at_old, at_new) = (before + olds.start, before + news.start);
            match tag {
                DiffTag::Equal => self.push(Kind::Same, olds.len(), at_old, at_new),
                DiffTag::Delete => self.push(Kind::Old, olds.len(), at_old, at_new),
                DiffTag::Insert => self.push(Kind::New, news.len(), at_old, at_new),
                DiffTag::Replace => {
                    let (old, new) = (&old[olds.clone()], &new[news.clone()]);
                    let olds = at_old..at_old + olds.len();
                    let news = at_new..at_new + news.len();
                    let mut pairs = Vec::new();
                    if is_choice(old.len(), new.len()) {
                        let (old, new) = (self.old.range(&olds, old), self.new.range(&news, new));
                        pairs = pair(&old, &new, self.deadline);
                    }
                    self.replace(&pairs, olds, news);
                }
            }
        }
    }

    fn difference(&self, old: &[&[u8]], new: &[&[u8]]) -> Vec<DiffOp> {
        if old.len() + new.len() > HUGE
            && let Some(ops) = few_edits(old, new, self.deadline)
        {
            return ops;
        }
        let (old, new) = numbered(old, new);
        capture_diff_slices_deadline(Algorithm::Myers, &old, &new, Some(self.deadline))
    }

    /// Lays a replaced block out: alike lines side by side, and what is left
    /// between two such rows side by side as far as it goes.
    fn replace(&mut self, pairs: &[(usize, usize)], olds: Range<usize>, news: Range<usize>) {
        let (mut old, mut new) = (olds.start, news.start);
        let fixed = pairs.iter().map(|(left, right)| (olds.start + left, news.start + right));
        for (left, right) in fixed.chain([(olds.end, news.end)]) {
            let both = (left - old).min(right - new);
            self.push(Kind::Pair, both, old, new);
            self.push(Kind::Old, left - old - both, old + both, right);
            self.push(Kind::New, right - new - both, left, new + both);
            if left < olds.end {
                self.push(Kind::Pair, 1, left, right);
            }
            (old, new) = (left + 1, right + 1);
        }
    }

    fn push(&mut self, kind: Kind, rows: usize, old: usize, new: usize) {
        if rows == 0 {
            return;
        }
        let (rows, old, new) = (rows as u64, old as u64, new as u64);
        match self.runs.last_mut() {
            Some(last) if last.kind == kind => last.rows += rows,
            _ => self.runs.push(Run { row: self.row, rows, old, new, kind }),
        }
        self.row += rows;
    }
}

/// From here on it is worth while to hope for few edits: numbering the lines
/// takes longer than a person waits. Below, the result does not depend on time.
const HUGE: usize = 50_000;
/// How long we hope. Several times what a million lines with a dozen edits take.
const HOPE: Duration = Duration::from_millis(60);

/// Myers without numbering lines: its time grows with the number of edits, so
/// that a huge file with a few is done at once. None if there are many.
fn few_edits(old: &[&[u8]], new: &[&[u8]], deadline: Instant) -> Option<Vec<DiffOp>> {
    let hope = deadline.min(Instant::now() + HOPE);
    let mut found = Compact::new(Replace::new(Capture::new()), old, new);
    let done =
        myers::diff_deadline_raw(&mut found, old, 0..old.len(), new, 0..new.len(), Some(hope));
    let Ok(()) = done;
    (Instant::now() < hope).then(|| found.into_inner().into_inner().into_ops())
}

/// Lines as numbers: the same number, the same bytes.
fn numbered<'a>(old: &[&'a [u8]], new: &[&'a [u8]]) -> (Vec<u32>, Vec<u32>) {
    // Seeded at random, so that no file can be made of lines that collide.
    let mut known: HashMap<&'a [u8], u32, foldhash::fast::RandomState> =
        HashMap::with_capacity_and_hasher(old.len().max(new.len()), Default::default());
    let mut number = |line: &&'a [u8]| {
        let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
        *known.entry(line).or_insert(next)
    };
    (old.iter().map(&mut number).collect(), new.iter().map(&mut number).collect())
}

/// A stretch at one end of a text.
struct Stretch {
    bytes: usize,
    lines: usize,
}

/// The whole lines that both begin with.
fn common_head(old: &[u8], new: &[u8]) -> Stretch {
    let same = common_prefix(old, new);
    let bytes = if same == old.len() && same == new.len() {
        same
    } else {
        memrchr(&old[..same]).map_or(0, |at| at + 1)
    };
    Stretch { bytes, lines: count_lines(&old[..bytes]) }
}

/// The whole lines that both end with.
fn common_tail(old: &[u8], new: &[u8]) -> Stretch {
    let same = common_suffix(old, new);
    let begins_line = |text: &[u8]| {
        let at = text.len() - same;
        at == 0 || text[at - 1] == b'\n'
    };
    let tail = &old[old.len() - same..];
    let bytes = if begins_line(old) && begins_line(new) {
        same
    } else {
        tail.iter().position(|byte| *byte == b'\n').map_or(0, |at| same - at - 1)
    };
    Stretch { bytes, lines: count_lines(&old[old.len() - bytes..]) }
}

/// Bytes compared at once: what `memcmp` is fast at.
const PIECE: usize = 4096;

fn common_prefix(old: &[u8], new: &[u8]) -> usize {
    let pieces = old.chunks(PIECE).zip(new.chunks(PIECE)).take_while(|(a, b)| a == b);
    let start: usize = pieces.map(|(piece, _)| piece.len()).sum();
    let rest = old[start..].iter().zip(&new[start..]).take_while(|(a, b)| a == b).count();
    start + rest
}

fn common_suffix(old: &[u8], new: &[u8]) -> usize {
    let pieces = old.rchunks(PIECE).zip(new.rchunks(PIECE)).take_while(|(a, b)| a == b);
    let end: usize = pieces.map(|(piece, _)| piece.len()).sum();
    let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
    end + old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count()
}

fn memrchr(text: &[u8]) -> Option<usize> {
    text.iter().rposition(|byte| *byte == b'\n')
}

/// Lines of a text; one without an end counts.
pub(crate) fn count_lines(text: &[u8]) -> usize {
    let ends = memchr::memchr_iter(b'\n', text).count();
    ends + usize::from(text.last().is_some_and(|byte| *byte != b'\n'))
}

/// Lines with their ends.
fn split(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}
