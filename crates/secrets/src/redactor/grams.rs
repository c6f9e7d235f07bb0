//! Finds the few places of a text where anything could begin: a look at every
//! group of four bytes ("gram"), of which nearly all are dismissed by one bit.

use std::collections::BTreeSet;

/// What may begin where a gram stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A form of a granted secret, by its index.
    Form(usize),
    /// A rule, by its index.
    Rule(usize),
}

/// Bits of the table of first looks, a power of two: 64 KiB stay in a core's
/// second cache, and ten thousand grams set two bits of a hundred.
const BITS: u32 = 19;
const WORDS: usize = 1 << (BITS - 6);
/// Bits by which the grams themselves are found after the first look.
const HEADS: u32 = 14;
/// 2^32 divided by the golden ratio: spreads neighbouring grams.
const SPREAD: u32 = 0x9e37_79b9;

/// What is looked for.
pub(super) struct Grams {
    bits: Box<[u64; WORDS]>,
    /// Where the entries of each head begin; one more for the end.
    heads: Vec<u32>,
    /// Sorted by head, gram, target.
    entries: Vec<([u8; 4], Target)>,
    /// Their grams sorted by bytes, for what stands at the end of a piece:
    /// those that must be held back, and those that need not.
    held: BTreeSet<[u8; 4]>,
    shown: BTreeSet<[u8; 4]>,
}

/// What a text's last bytes may be the beginning of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    Nothing,
    /// Of something that begins to be secret only later.
    Shown,
    /// Of something that is secret from its first byte.
    Held,
}

fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(SPREAD)
}

fn head(gram: [u8; 4]) -> usize {
    (hash(u32::from_le_bytes(gram)) >> (32 - HEADS)) as usize
}

impl Grams {
    /// Each gram, what begins with it, and whether that is secret from its
    /// first byte on.
    pub(super) fn new(grams: impl IntoIterator<Item = ([u8; 4], Target, bool)>) -> Self {
        let mut entries = Vec::new();
        let (mut held, mut shown) = (BTreeSet::new(), BTreeSet::new());
        let mut bits = Box::new([0; WORDS]);
        for (gram, target, hold) in grams {
            entries.push((gram, target));
            if hold { &mut held } else { &mut shown }.insert(gram);
            let bit = hash(u32::from_le_bytes(gram)) >> (32 - BITS);
            bits[(bit >> 6) as usize] |= 1 << (bit & 63);
        }
        entries.sort_unstable_by_key(|(gram, target)| (head(*gram), *gram, *target));
        entries.dedup();
        let mut heads = vec![0; (1 << HEADS) + 1];
        for (gram, _) in &entries {
            heads[head(*gram) + 1] += 1;
        }
        for at in 1..heads.len() {
            heads[at] += heads[at - 1];
        }
        Self { bits, heads, entries, held, shown }
    }

    /// The first place at or after `from` where a gram stands; none if there
    /// is none among whole grams.
    pub(super) fn next(&self, bytes: &[u8], from: usize) -> Option<usize> {
        const AT_ONCE: usize = 8;
        let mut at = from;
        // Eight looks, then one decision: the looks do not wait for each other.
        while let Some(window) = bytes.get(at..at + AT_ONCE + 3) {
            let mut any = 0;
            for offset in 0..AT_ONCE {
                any |= self.look(&window[offset..offset + 4]) << offset;
            }
            let mut any = any & 0xff;
            while any != 0 {
                let found = at + any.trailing_zeros() as usize;
                if !self.targets(&bytes[found..]).is_empty() {
                    return Some(found);
                }
                any &= any - 1;
            }
            at += AT_ONCE;
        }
        let last = bytes.len().checked_sub(3)?;
        (at..last).find(|at| !self.targets(&bytes[*at..]).is_empty())
    }

    fn look(&self, gram: &[u8]) -> u64 {
        let gram = u32::from_le_bytes([gram[0], gram[1], gram[2], gram[3]]);
        let bit = hash(gram) >> (32 - BITS);
        (self.bits[(bit >> 6) as usize & (WORDS - 1)] >> (bit & 63)) & 1
    }

    /// What may begin with these bytes, of which there are four at least.
    pub(super) fn targets(&self, bytes: &[u8]) -> &[([u8; 4], Target)] {
        let gram = [bytes[0], bytes[1], bytes[2], bytes[3]];
        let head = head(gram);
        let entries = &self.entries[self.heads[head] as usize..self.heads[head + 1] as usize];
        let from = entries.partition_point(|(other, _)| *other < gram);
        let to = entries.partition_point(|(other, _)| *other <= gram);
        &entries[from..to]
    }

    /// What fewer than four bytes at a text's end may be the beginning of.
    pub(super) fn beginning(&self, bytes: &[u8]) -> Beginning {
        let begins = |grams: &BTreeSet<[u8; 4]>| {
            let mut least = [0; 4];
            least[..bytes.len()].copy_from_slice(bytes);
            grams.range(least..).next().is_some_and(|gram| gram.starts_with(bytes))
        };
        if begins(&self.held) {
            Beginning::Held
        } else if begins(&self.shown) {
            Beginning::Shown
        } else {
            Beginning::Nothing
        }
    }
}
