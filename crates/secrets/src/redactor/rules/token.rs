//! Tokens that say by their first letters what they are.

use super::chance::{entropy, is_mixed, looks_random};
use super::{Place, Step, Tail};

/// Bytes that a token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redactor) enum Class {
    /// Digits and capitals.
    Upper,
    /// Hexadecimal digits.
    Hex,
    /// Digits and letters.
    Alnum,
    /// Those, `-` and `_`.
    Base64Url,
    /// Those and `.`.
    Dotted,
    /// Base64's: letters, digits, `+`, `/`, `=`.
    Base64,
}

impl Class {
    pub(in crate::redactor) fn has(self, byte: u8) -> bool {
        match self {
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Base64Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
        }
    }

    /// The first four bytes of what begins so and goes on in this class.
    pub(super) fn after(self, prefix: &[u8]) -> Vec<[u8; 4]> {
        match *prefix {
            [a, b, c, d, ..] => vec![[a, b, c, d]],
            [a, b, c] => {
                (0..=255).filter(|byte| self.has(*byte)).map(|byte| [a, b, c, byte]).collect()
            }
            _ => unreachable!("a token's prefix has three letters at least"),
        }
    }
}

/// How sure its first letters make us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sure {
    /// Nothing else begins so.
    Quite,
    /// A word's end may look so: it has to be a word's beginning, and what
    /// follows has to look random.
    Little,
}

/// A token's shape. What is secret is all of it.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) rule: &'static str,
    pub(super) prefix: &'static str,
    pub(super) class: Class,
    /// Bytes after the prefix, at least.
    pub(super) least: usize,
    pub(super) sure: Sure,
}

/// A token goes on for that long at most: JWT-shaped ones with many claims do.
const LONGEST: usize = 16 * 1024;
/// Placeholders (`xxxxxxxx`, `your-token-here`) stay below. Tokens of twenty
/// and more random letters are above 3.5, of hexadecimal digits above 3.
const PLACEHOLDER: f64 = 2.8;

impl Token {
    pub(super) fn grams(&self) -> Vec<[u8; 4]> {
        self.class.after(self.prefix.as_bytes())
    }

    pub(super) fn look(&self, place: Place<'_>) -> Step {
        let rest = &place.bytes[place.at..];
        let prefix = self.prefix.as_bytes();
        let common = rest.iter().zip(prefix).take_while(|(one, other)| one == other).count();
        if common < prefix.len() {
            return if common == rest.len() { place.more(place.at) } else { Step::No };
        }
        if self.sure == Sure::Little && !place.begins_word() {
            return Step::No;
        }
        let body = &rest[prefix.len()..];
        let length = body.iter().take(self.least).take_while(|byte| self.class.has(**byte)).count();
        if length < self.least {
            return if length == body.len() { place.more(place.at) } else { Step::No };
        }
        let body = &body[..self.least];
        let fine = match self.sure {
            Sure::Quite => entropy(body) >= PLACEHOLDER && is_mixed(body),
            Sure::Little => looks_random(body),
        };
        if !fine {
            return Step::No;
        }
        let end = place.at + prefix.len() + self.least;
        let tail = Tail::Class(self.class, LONGEST);
        Step::Yes { start: place.at, end, rule: self.rule, tail }
    }
}

/// Bytes of a JWT's header, which holds an algorithm, a key's name and perhaps
/// a certificate's fingerprint.
const JWT_HEADER: usize = 1024;
/// Bytes of either part at least: `{"alg":"none"}` has 18.
const JWT_PART: usize = 12;

/// `eyJ….eyJ….…`: two JSON objects in base64url, and a signature.
pub(super) fn jwt(place: Place<'_>) -> Step {
    let rest = &place.bytes[place.at..];
    let header =
        rest.iter().take(JWT_HEADER).take_while(|byte| Class::Base64Url.has(**byte)).count();
    match rest.get(header) {
        None => return place.more(place.at),
        Some(b'.') if header >= JWT_PART => {}
        Some(_) => return Step::No,
    }
    let claims = &rest[header + 1..];
    let common = claims.iter().zip(b"ey").take_while(|(one, other)| one == other).count();
    let length =
        claims.iter().take(JWT_PART).take_while(|byte| Class::Base64Url.has(**byte)).count();
    if common < 2.min(claims.len()) || (length < JWT_PART && length < claims.len()) {
        return Step::No;
    }
    if length < JWT_PART {
        return place.more(place.at);
    }
    let end = place.at + header + 1 + JWT_PART;
    let tail = Tail::Class(Class::Dotted, LONGEST);
    Step::Yes { start: place.at, end, rule: "jwt", tail }
}
