//! What looks like a secret though nobody granted it: tokens by their shape,
//! assignments by their key's name, passwords in URLs, private keys. The shapes
//! are those that the vendors document, and that gitleaks and GitHub's secret
//! scanning look for.
//!
//! Each rule is tried only where its first four bytes stand, decides within
//! 1.3 KB (a JWT's header is the longest thing that has to be seen whole), and
//! does not go back: so it works on a stream.

use super::grams::Target;

mod chance;
mod keyword;
mod pem;
mod token;
mod tokens;
mod url;

pub(super) use pem::Tail as PemTail;
pub(super) use token::Class;

/// Bytes before a place that rules look at: `\u001b` and the like.
pub(super) const CONTEXT: usize = 8;

/// What a rule says of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    No,
    /// Depends on what comes. From `from` on it may be secret.
    More { from: usize },
    /// `start..end` is secret, and so is what `tail` says of what follows.
    Yes { start: usize, end: usize, rule: &'static str, tail: Tail },
}

/// How a secret that was found goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// It does not.
    None,
    /// With bytes of a class, this many at most.
    Class(Class, usize),
    /// To the end of a private key.
    Pem(PemTail),
}

/// A text and a place in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    /// Nothing follows.
    pub(super) last: bool,
}

impl Place<'_> {
    /// What it depends on, when the text's end was reached.
    fn more(&self, from: usize) -> Step {
        if self.last { Step::No } else { Step::More { from } }
    }

    /// True if a word may begin here: no letter, digit or `_` stands before,
    /// except as the end of an escape or of a terminal's colour.
    fn begins_word(&self) -> bool {
        let before = &self.bytes[self.at.saturating_sub(CONTEXT)..self.at];
        let Some(byte) = before.last() else { return true };
        if !byte.is_ascii_alphanumeric() && *byte != b'_' {
            return true;
        }
        let ends = |escape: &[u8], digits: usize| {
            before.len() >= escape.len() + digits
                && before[..before.len() - digits].ends_with(escape)
                && before[before.len() - digits..].iter().all(u8::is_ascii_hexdigit)
        };
        let letter =
            matches!(byte, b'n' | b'r' | b't') && before[..before.len() - 1].ends_with(b"\\");
        let colour = *byte == b'm'
            && before.contains(&b'[')
            && before.rsplit(|byte| *byte == b'[').next().is_some_and(|digits| {
                digits[..digits.len() - 1].iter().all(|b| b.is_ascii_digit() || *b == b';')
            });
        letter || colour || ends(b"%", 2) || ends(b"\\u", 4) || ends(b"\\x", 2)
    }
}

/// The rules, and where each is tried.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Token(&'static token::Token),
    Jwt,
    Keyword(&'static keyword::Keyword),
    Url,
    Pem,
}

fn all() -> impl Iterator<Item = Rule> {
    let tokens = tokens::TOKENS.iter().map(Rule::Token);
    let keywords = keyword::KEYWORDS.iter().map(Rule::Keyword);
    tokens.chain(keywords).chain([Rule::Jwt, Rule::Url, Rule::Pem])
}

/// All rules.
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    pub(super) fn new() -> Self {
        Self(all().collect())
    }

    /// Each rule's grams.
    pub(super) fn grams(&self) -> Vec<([u8; 4], Target, bool)> {
        let mut grams = Vec::new();
        for (index, rule) in self.0.iter().enumerate() {
            let (found, hold) = match rule {
                Rule::Token(token) => (token.grams(), true),
                Rule::Jwt => (Class::Base64Url.after(b"eyJ"), true),
                Rule::Keyword(keyword) => (keyword.grams(), false),
                Rule::Url => ((0x21..0x7f).map(|byte| [b':', b'/', b'/', byte]).collect(), false),
                Rule::Pem => (vec![*b"BEGI"], true),
            };
            grams.extend(found.into_iter().map(|gram| (gram, Target::Rule(index), hold)));
        }
        grams
    }

    pub(super) fn look(&self, rule: usize, place: Place<'_>) -> Step {
        match self.0[rule] {
            Rule::Token(token) => token.look(place),
            Rule::Jwt => token::jwt(place),
            Rule::Keyword(keyword) => keyword.look(place),
            Rule::Url => url::look(place),
            Rule::Pem => pem::look(place),
        }
    }
}
