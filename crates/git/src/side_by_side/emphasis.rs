//! What differs within a line that was edited: words, and characters within a
//! word that was replaced by another.

use crate::align::words;
use similar::{Algorithm, DiffTag, capture_diff_slices};

/// Byte ranges on character borders.
type Ranges = Vec<(u32, u32)>;

/// Longer lines are not looked into: they were made by a machine.
const LONGEST: usize = 8192;
/// Where less than a quarter of both lines is common, the whole line is
/// different and emphasising most of it says nothing.
const COMMON: usize = 4;

/// Ranges of `old` and of `new` that differ. None at all where everything does.
pub(super) fn emphasis(old: &str, new: &str) -> (Ranges, Ranges) {
    if old.len() > LONGEST || new.len() > LONGEST {
        return Default::default();
    }
    let (left, right) = (Words::of(old), Words::of(new));
    let ops = capture_diff_slices(Algorithm::Myers, &left.words, &right.words);
    let mut common = 0;
    let (mut olds, mut news) = (Vec::new(), Vec::new());
    for op in ops {
        let (tag, a, b) = op.as_tag_tuple();
        let (mut from, mut to) = (left.bytes(&a), right.bytes(&b));
        match tag {
            DiffTag::Equal => common += words_only(&old[from.0..from.1]),
            DiffTag::Delete => olds.push(from),
            DiffTag::Insert => news.push(to),
            DiffTag::Replace => {
                if a.len() == 1 && b.len() == 1 {
                    common += narrow(old, new, &mut from, &mut to);
                }
                olds.push(from);
                news.push(to);
            }
        }
    }
    if common * COMMON * 2 < words_only(old) + words_only(new) {
        return Default::default();
    }
    (joined(olds), joined(news))
}

/// Takes what both words begin and end with off; says how much that was.
fn narrow(old: &str, new: &str, from: &mut (usize, usize), to: &mut (usize, usize)) -> usize {
    let (a, b) = (&old[from.0..from.1], &new[to.0..to.1]);
    let head: usize =
        a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (a, b) = (&a[head..], &b[head..]);
    let tail: usize = a
        .chars()
        .rev()
        .zip(b.chars().rev())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    // A letter here and there is chance, not an edit.
    if (head + tail) * 2 < a.len().max(b.len()) + head {
        return 0;
    }
    *from = (from.0 + head, from.1 - tail);
    *to = (to.0 + head, to.1 - tail);
    head + tail
}

fn words_only(text: &str) -> usize {
    text.bytes().filter(|byte| !byte.is_ascii_whitespace()).count()
}

/// Ranges that touch become one; empty ones go.
fn joined(ranges: Vec<(usize, usize)>) -> Ranges {
    let mut joined: Ranges = Vec::new();
    for (start, end) in ranges.into_iter().filter(|(start, end)| start < end) {
        // At most `LONGEST`.
        let (start, end) = (narrow_u32(start), narrow_u32(end));
        match joined.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => joined.push((start, end)),
        }
    }
    joined
}

fn narrow_u32(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Words and where they begin.
struct Words<'a> {
    words: Vec<&'a [u8]>,
    starts: Vec<usize>,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let words: Vec<_> = words(text.as_bytes()).collect();
        let mut starts = vec![0];
        let mut at = 0;
        for word in &words {
            at += word.len();
            starts.push(at);
        }
        Self { words, starts }
    }

    fn bytes(&self, range: &std::ops::Range<usize>) -> (usize, usize) {
        (self.starts[range.start], self.starts[range.end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str, olds: &[&str], news: &[&str]) {
        let (left, right) = emphasis(old, new);
        let cut = |text: &str, ranges: &Ranges| -> Vec<String> {
            ranges.iter().map(|(a, b)| text[*a as usize..*b as usize].to_owned()).collect()
        };
        assert_eq!(cut(old, &left), olds, "{old:?} → {new:?}");
        assert_eq!(cut(new, &right), news, "{old:?} → {new:?}");
    }

    #[test]
    fn what_was_edited_is_emphasised() {
        check("let a = 1;", "let a = 2;", &["1"], &["2"]);
        check("call(one)", "call(one, two)", &[], &[", two"]);
        check("let colour = red", "let color = red", &["u"], &[]);
        check("größe = 1 + x", "größen = 1 + x", &[], &["n"]);
        check("text\r", "text", &["\r"], &[]);
    }

    #[test]
    fn a_line_that_has_nothing_in_common_is_not_emphasised() {
        check("completely different", "nothing alike here", &[], &[]);
    }
}
