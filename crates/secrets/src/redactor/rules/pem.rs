//! Private keys between `-----BEGIN … PRIVATE KEY-----` and its end, also where
//! the line breaks are escaped or each line is quoted.

use super::{Place, Step, Tail as RuleTail};

/// Longest label: `ENCRYPTED PRIVATE KEY`, `OPENSSH PRIVATE KEY`,
/// `PGP PRIVATE KEY BLOCK`.
const LABEL: usize = 40;
/// How far behind the label a key has to show itself: headers such as
/// `Proc-Type` and `DEK-Info` come first.
const HEADERS: usize = 256;
/// So many base64 letters in a row are a key and no sentence about keys.
const RUN: usize = 24;
/// A key of 16,384 bits has 13 KB; one that never ends is cut off here.
const LONGEST: usize = 24 * 1024;

/// Where inside a key the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redactor) struct Tail {
    /// Bytes that may still belong to it.
    left: usize,
    /// The last eight bytes.
    seen: u64,
    /// The end's line has begun, and dashes close it.
    ending: bool,
}

impl Tail {
    /// Takes bytes of the key; how many, and whether it goes on.
    pub(in crate::redactor) fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (at, byte) in bytes.iter().enumerate() {
            if self.left == 0 {
                return (at, false);
            }
            self.left -= 1;
            self.seen = self.seen << 8 | u64::from(*byte);
            if self.ending && self.seen & 0xff_ffff_ffff == u64::from_be_bytes(*b"\0\0\0-----") {
                return (at + 1, false);
            }
            if !self.ending && self.seen == u64::from_be_bytes(*b"-----END") {
                self.ending = true;
                self.left = self.left.min(LABEL + 6);
            }
        }
        (bytes.len(), true)
    }
}

/// At `BEGIN`; the dashes before it are no secret.
pub(super) fn look(place: Place<'_>) -> Step {
    let Place { bytes, at, .. } = place;
    let rest = &bytes[at..];
    if !bytes[..at].ends_with(b"-----") {
        return Step::No;
    }
    let word = b"BEGIN ";
    let common = rest.iter().zip(word).take_while(|(one, other)| one == other).count();
    if common < word.len() {
        return if common == rest.len() { place.more(at) } else { Step::No };
    }
    let is_label =
        |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b' ';
    let label = rest.iter().take(LABEL).take_while(is_label).count();
    if label == rest.len() {
        return place.more(at);
    }
    let private = rest[..label].windows(11).any(|word| word == b"PRIVATE KEY");
    let dashes = rest[label..].iter().take(5).take_while(|byte| **byte == b'-').count();
    if !private || (dashes < 5 && label + dashes < rest.len()) {
        return Step::No;
    }
    if dashes < 5 {
        return place.more(at);
    }
    match key_after(&rest[label + 5..]) {
        Shown::No => Step::No,
        Shown::NotYet => place.more(at),
        Shown::At(end) => {
            let tail = RuleTail::Pem(Tail { left: LONGEST, seen: 0, ending: false });
            Step::Yes { start: at, end: at + label + 5 + end, rule: "private-key", tail }
        }
    }
}

enum Shown {
    No,
    NotYet,
    At(usize),
}

fn key_after(bytes: &[u8]) -> Shown {
    let mut run = 0;
    for (at, byte) in bytes.iter().enumerate().take(HEADERS) {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=' => run += 1,
            // Line breaks, escaped or not, quotes, and what headers are made of.
            b'\r' | b'\n' | b'\t' | b' ' | b'\\' | b'"' | b'\'' | b',' | b':' | b'-' => run = 0,
            _ => return Shown::No,
        }
        if run == RUN {
            return Shown::At(at + 1);
        }
    }
    if bytes.len() >= HEADERS { Shown::No } else { Shown::NotYet }
}
