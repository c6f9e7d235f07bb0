//! Which lines of a replaced block belong side by side: those that are alike.

use std::collections::HashMap;
use std::time::Instant;

/// Blocks with more pairs of lines than this are laid out line by line: 300
/// lines against 300, beyond which nobody compares by eye.
const PAIRS: usize = 90_000;
/// Less alike than this, two lines are not the same line edited. From 0 to
/// [`WHOLE`].
const ALIKE: u32 = 400;
const WHOLE: u32 = 1000;
/// Words of a line beyond these do not count.
const WORDS: usize = 200;

/// True if so many lines can be paired in several ways, and not in too many.
pub(super) fn is_choice(olds: usize, news: usize) -> bool {
    // One against one needs no choice.
    (2..=PAIRS).contains(&olds.saturating_mul(news))
}

/// Pairs of indices, rising on both sides, of lines that are alike. Of all such
/// lists the one that is most alike altogether.
pub(super) fn pair(old: &[&[u8]], new: &[&[u8]], deadline: Instant) -> Vec<(usize, usize)> {
    if !is_choice(old.len(), new.len()) || Instant::now() > deadline {
        return Vec::new();
    }
    let old: Vec<_> = old.iter().map(|line| Words::of(line)).collect();
    let new: Vec<_> = new.iter().map(|line| Words::of(line)).collect();
    let width = new.len() + 1;
    let mut likeness = vec![0; old.len() * new.len()];
    // best[i][j]: the most that lines from i and j on can be alike.
    let mut best = vec![0u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        if Instant::now() > deadline {
            return Vec::new();
        }
        for j in (0..new.len()).rev() {
            let alike = old[i].likeness(&new[j]);
            likeness[i * new.len() + j] = alike;
            let without = best[(i + 1) * width + j].max(best[i * width + j + 1]);
            let with = if alike >= ALIKE { alike + best[(i + 1) * width + j + 1] } else { 0 };
            best[i * width + j] = without.max(with);
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < old.len() && j < new.len() {
        let alike = likeness[i * new.len() + j];
        let here = best[i * width + j];
        if alike >= ALIKE && here == alike + best[(i + 1) * width + j + 1] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if here == best[(i + 1) * width + j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// The words of a line, each with how often it occurs, sorted; white space is
/// left out.
struct Words<'a> {
    words: Vec<(&'a [u8], u32)>,
    size: u32,
}

impl<'a> Words<'a> {
    fn of(line: &'a [u8]) -> Self {
        let mut counts: HashMap<&[u8], u32> = HashMap::new();
        for word in words(line).filter(|word| !word[0].is_ascii_whitespace()).take(WORDS) {
            *counts.entry(word).or_default() += 1;
        }
        let mut words: Vec<_> = counts.into_iter().collect();
        words.sort_unstable();
        let size = words.iter().map(|(word, count)| weight(word) * count).sum();
        Self { words, size }
    }

    /// Twice what is common through the sum of both, in thousandths.
    fn likeness(&self, other: &Self) -> u32 {
        let sum = self.size + other.size;
        if sum == 0 {
            return WHOLE;
        }
        let (mut left, mut right) = (self.words.iter().peekable(), other.words.iter().peekable());
        let mut common = 0;
        while let (Some((a, n)), Some((b, m))) = (left.peek(), right.peek()) {
            match a.cmp(b) {
                std::cmp::Ordering::Less => drop(left.next()),
                std::cmp::Ordering::Greater => drop(right.next()),
                std::cmp::Ordering::Equal => {
                    common += weight(a) * n.min(m);
                    left.next();
                    right.next();
                }
            }
        }
        2 * common * WHOLE / sum
    }
}

/// A long word says more than a bracket; but one word must not be all.
fn weight(word: &[u8]) -> u32 {
    u32::try_from(word.len().min(16)).unwrap_or(16)
}

/// Words, stretches of white space and single other characters, in order;
/// together they are the line.
pub(crate) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let first = *rest.first()?;
        let class = class(first);
        let end = match class {
            Class::Other => 1,
            Class::Word | Class::Space => {
                rest.iter().position(|byte| self::class(*byte) != class).unwrap_or(rest.len())
            }
        };
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Class {
    Word,
    Space,
    Other,
}

/// Bytes beyond ASCII are taken for letters, so that no character is split.
fn class(byte: u8) -> Class {
    match byte {
        b'_' | 0x80.. => Class::Word,
        _ if byte.is_ascii_alphanumeric() => Class::Word,
        _ if byte.is_ascii_whitespace() => Class::Space,
        _ => Class::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn alike_lines_are_paired_and_strange_ones_are_not() {
        let old: [&[u8]; 3] = [b"let a = one(x);\n", b"return;\n", b"let total = a + b;\n"];
        let new: [&[u8]; 2] = [b"println!(\"hello\");\n", b"let total = a + b + c;\n"];
        let deadline = Instant::now() + Duration::from_secs(60);
        assert_eq!(pair(&old, &new, deadline), [(2, 1)]);
        assert_eq!(pair(&old, &old, deadline), [(0, 0), (1, 1), (2, 2)]);
    }

    #[test]
    fn the_words_of_a_line_are_the_line() {
        for line in ["", "a b", "  foo(bar, größe)…\t x\r", "é"] {
            let joined: Vec<u8> = words(line.as_bytes()).flatten().copied().collect();
            assert_eq!(joined, line.as_bytes());
        }
    }
}
