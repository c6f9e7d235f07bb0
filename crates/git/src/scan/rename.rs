//! Which deleted file an added one was before.

use std::collections::HashMap;

/// A file that went, or one that came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) path: &'a [u8],
    /// Contents; equal ones are the same file.
    pub(super) blob: &'a str,
    /// For the comparison of contents that are not equal.
    pub(super) lines: Option<&'a LineSet>,
}

/// A file's lines as hashes with their sizes, sorted: enough to say how much
/// of two files is common.
#[derive(Debug, Clone, Default)]
pub(super) struct LineSet {
    lines: Vec<(u64, u32)>,
    bytes: u64,
}

/// Git's name for no contents.
const EMPTY: &str = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
/// Larger files are only found as renamed if they were not edited.
const LARGEST: usize = 256 * 1024;
/// At least so much is common, in percent: git's own default.
const ALIKE: u64 = 50;

impl LineSet {
    /// None for contents that are empty or too large to be compared.
    pub(super) fn of(contents: &[u8]) -> Option<Self> {
        if contents.is_empty() || contents.len() > LARGEST {
            return None;
        }
        let mut lines: Vec<_> = contents
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| (hash(line), u32::try_from(line.len()).unwrap_or(u32::MAX)))
            .collect();
        lines.sort_unstable();
        Some(Self { lines, bytes: contents.len() as u64 })
    }

    /// Lines that came and lines that went since `before`, counted without
    /// regard to their order.
    pub(super) fn size_from(&self, before: &Self) -> (u64, u64) {
        let common = self.common(before).count() as u64;
        (self.lines.len() as u64 - common, before.lines.len() as u64 - common)
    }

    /// What is common, in percent of the larger one.
    fn likeness(&self, other: &Self) -> u64 {
        let larger = self.bytes.max(other.bytes);
        if self.bytes.min(other.bytes) * 100 < larger * ALIKE {
            return 0;
        }
        let common: u64 = self.common(other).map(u64::from).sum();
        common * 100 / larger
    }

    /// Sizes of the lines that both have.
    fn common(&self, other: &Self) -> impl Iterator<Item = u32> {
        let (mut left, mut right) = (self.lines.iter().peekable(), other.lines.iter().peekable());
        std::iter::from_fn(move || {
            loop {
                match left.peek()?.cmp(right.peek()?) {
                    std::cmp::Ordering::Less => drop(left.next()),
                    std::cmp::Ordering::Greater => drop(right.next()),
                    std::cmp::Ordering::Equal => {
                        right.next();
                        return left.next().map(|(_, size)| *size);
                    }
                }
            }
        })
    }
}

/// FNV-1a: it need not withstand anybody, a wrong guess is a wrong label.
fn hash(line: &[u8]) -> u64 {
    line.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Pairs of indices into `gone` and `came`. Equal contents always; contents
/// that are alike as long as there are at most `pairs` to compare.
pub(super) fn renames(
    gone: &[Candidate<'_>],
    came: &[Candidate<'_>],
    pairs: usize,
) -> Vec<(usize, usize)> {
    let mut taken = vec![false; gone.len()];
    let mut found = equal(gone, came, &mut taken);
    let open: Vec<usize> = {
        let mut is_found = vec![false; came.len()];
        found.iter().for_each(|(_, new)| is_found[*new] = true);
        (0..came.len()).filter(|new| !is_found[*new]).collect()
    };
    let left: Vec<usize> = (0..gone.len()).filter(|old| !taken[*old]).collect();
    if left.len().saturating_mul(open.len()) <= pairs {
        found.extend(alike(gone, came, &left, &open));
    }
    found
}

/// Of several with the same contents the one with the same name is preferred.
fn equal(
    gone: &[Candidate<'_>],
    came: &[Candidate<'_>],
    taken: &mut [bool],
) -> Vec<(usize, usize)> {
    let mut by_blob: HashMap<&str, Vec<usize>> = HashMap::new();
    // Two empty files are not one that was moved.
    for (index, old) in gone.iter().enumerate().filter(|(_, old)| old.blob != EMPTY) {
        by_blob.entry(old.blob).or_default().push(index);
    }
    let mut found = Vec::new();
    let mut done = vec![false; came.len()];
    for named_alike in [true, false] {
        for (new, candidate) in came.iter().enumerate() {
            if done[new] {
                continue;
            }
            let Some(olds) = by_blob.get(candidate.blob) else { continue };
            let fits = |old: &&usize| {
                !taken[**old] && (!named_alike || name(gone[**old].path) == name(candidate.path))
            };
            if let Some(old) = olds.iter().find(fits).copied() {
                (taken[old], done[new]) = (true, true);
                found.push((old, new));
            }
        }
    }
    found
}

fn alike(
    gone: &[Candidate<'_>],
    came: &[Candidate<'_>],
    left: &[usize],
    open: &[usize],
) -> Vec<(usize, usize)> {
    let mut scores = Vec::new();
    for old in left {
        for new in open {
            let (Some(a), Some(b)) = (gone[*old].lines, came[*new].lines) else { continue };
            let score = a.likeness(b);
            if score >= ALIKE {
                let named_alike = name(gone[*old].path) == name(came[*new].path);
                scores.push((score, named_alike, *old, *new));
            }
        }
    }
    // The best first; ties by name, then by order, so that it does not flicker.
    scores.sort_by_key(|(score, named_alike, old, new)| {
        (std::cmp::Reverse(*score), !*named_alike, *old, *new)
    });
    let (mut olds, mut news) = (vec![false; gone.len()], vec![false; came.len()]);
    let mut found = Vec::new();
    for (_, _, old, new) in scores {
        if !olds[old] && !news[new] {
            (olds[old], news[new]) = (true, true);
            found.push((old, new));
        }
    }
    found
}

fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_contents_are_found_by_name_first_and_alike_ones_by_likeness() {
        let text = |lines: std::ops::Range<u32>| {
            lines.map(|n| format!("line {n}\n")).collect::<String>().into_bytes()
        };
        let sets: Vec<_> = [text(0..10), text(0..11), text(100..110)]
            .iter()
            .map(|text| LineSet::of(text).expect("it is small"))
            .collect();
        let candidate = |path: &'static str, blob: &'static str, set: usize| Candidate {
            path: path.as_bytes(),
            blob,
            lines: Some(&sets[set]),
        };
        let gone = [candidate("a/x", "1", 0), candidate("a/y", "1", 0), candidate("z", "2", 0)];
        let came = [candidate("b/y", "1", 0), candidate("new", "3", 1), candidate("q", "4", 2)];
        let mut found = renames(&gone, &came, 100);
        found.sort_unstable();
        assert_eq!(found, [(0, 1), (1, 0)], "`q` has nothing in common with anything");
        assert_eq!(renames(&gone, &came, 1), [(1, 0)], "too many to compare: only equal ones");
    }
}
