//! Assignments to names that sound secret: `DB_PASSWORD=…`, `"apiKey": "…"`,
//! `Authorization: Bearer …`. Only values that chance made are taken.

use super::chance::{is_hex, is_uuid, looks_random};
use super::{Place, Step, Tail};

/// A word in a key's name, and what a value has to be.
#[derive(Debug)]
pub(super) struct Keyword {
    /// In small letters, four at least.
    word: &'static str,
    rule: &'static str,
    value: Value,
}

#[derive(Debug, Clone, Copy)]
enum Value {
    /// Letters and digits that look random, this many at least.
    Random(usize),
    /// Hexadecimal digits, exactly so many.
    Hex(usize),
    /// A UUID.
    Uuid,
    /// The 86 letters of 64 bytes in base64, and `==`.
    AzureKey,
}

const fn keyword(word: &'static str, rule: &'static str, value: Value) -> Keyword {
    Keyword { word, rule, value }
}

/// The first that fits names what was found.
pub(super) const KEYWORDS: &[Keyword] = &[
    keyword("aws_secret", "aws-secret-key", Value::Random(40)),
    keyword("secretaccesskey", "aws-secret-key", Value::Random(40)),
    keyword("aws_session", "aws-session-token", Value::Random(100)),
    keyword("gitea", "gitea-token", Value::Hex(40)),
    keyword("forgejo", "forgejo-token", Value::Hex(40)),
    keyword("codeberg", "forgejo-token", Value::Hex(40)),
    keyword("bitbucket", "bitbucket-token", Value::Random(32)),
    keyword("gitlab", "gitlab-token", Value::Random(20)),
    keyword("accountkey", "azure-key", Value::AzureKey),
    keyword("sharedaccesskey", "azure-key", Value::Random(43)),
    keyword("azure", "azure-key", Value::Random(32)),
    keyword("twilio", "twilio-key", Value::Hex(32)),
    keyword("heroku", "heroku-key", Value::Uuid),
    keyword("datadog", "datadog-key", Value::Hex(32)),
    keyword("cloudflare", "cloudflare-token", Value::Random(37)),
    keyword("mistral", "mistral-key", Value::Random(32)),
    keyword("cohere", "cohere-key", Value::Random(40)),
    keyword("together", "together-key", Value::Hex(64)),
    keyword("deepseek", "deepseek-key", Value::Random(32)),
    keyword("telegram", "telegram-token", Value::Random(40)),
    keyword("discord", "discord-token", Value::Random(50)),
    keyword("authorization", "authorization", Value::Random(16)),
    keyword("password", "password", Value::Random(8)),
    keyword("passwd", "password", Value::Random(8)),
    keyword("passphrase", "password", Value::Random(8)),
    keyword("secret", "secret", Value::Random(16)),
    keyword("token", "token", Value::Random(16)),
    keyword("api_key", "api-key", Value::Random(16)),
    keyword("api-key", "api-key", Value::Random(16)),
    keyword("apikey", "api-key", Value::Random(16)),
    keyword("access_key", "api-key", Value::Random(16)),
    keyword("accesskey", "api-key", Value::Random(16)),
    keyword("private_key", "api-key", Value::Random(16)),
    keyword("credential", "secret", Value::Random(16)),
];

/// Letters of a key's name behind the word: `PASSWORD_FOR_THE_STAGING_DB`.
const NAME: usize = 40;
/// Spaces on either side of the sign: aligned columns have some.
const SPACES: usize = 16;
/// Longer values are data.
const LONGEST: usize = 200;

impl Keyword {
    /// The word's first four letters, large and small: `API_KEY`, `apiKey`.
    pub(super) fn grams(&self) -> Vec<[u8; 4]> {
        let word = self.word.as_bytes();
        let cases = (0..16).map(|large: u8| {
            let mut gram = [word[0], word[1], word[2], word[3]];
            for (at, letter) in gram.iter_mut().enumerate() {
                if large >> at & 1 == 1 {
                    letter.make_ascii_uppercase();
                }
            }
            gram
        });
        cases.collect()
    }

    /// Only the value is secret; until it begins, nothing is held back.
    pub(super) fn look(&self, place: Place<'_>) -> Step {
        let rest = &place.bytes[place.at..];
        let word = self.word.as_bytes();
        let common =
            rest.iter().zip(word).take_while(|(one, other)| one.eq_ignore_ascii_case(other));
        let common = common.count();
        if common < word.len() && common < rest.len() {
            return Step::No;
        }
        let before = value_begins(&rest[common..]);
        let Some(before) = before else { return Step::No };
        let begin = common + before.length;
        let value = &rest[begin..];
        let length = value.iter().take(LONGEST + 1).take_while(|byte| is_value(**byte)).count();
        if length == value.len() && length <= LONGEST && !place.last {
            return Step::More { from: place.at + begin };
        }
        let after = value.get(length).copied();
        let closed = match before.quote {
            Some(quote) => after == Some(quote) || after == Some(b'\\'),
            None => !matches!(after, Some(b'(' | b'[' | b'<' | b'{' | b'$' | b'?')),
        };
        if !before.whole || !closed || !self.value.is(&value[..length]) {
            return Step::No;
        }
        let start = place.at + begin;
        Step::Yes { start, end: start + length, rule: self.rule, tail: Tail::None }
    }
}

/// What stands between a key's word and its value.
struct Before {
    length: usize,
    quote: Option<u8>,
    /// There is a sign; otherwise the text ends before it.
    whole: bool,
}

/// The rest of the name, a quote, `=`, `:`, `=>` or `:=`, a quote, and the
/// scheme of an `Authorization`. None if it is something else.
fn value_begins(rest: &[u8]) -> Option<Before> {
    let count = |from: usize, most: usize, is: &dyn Fn(u8) -> bool| {
        rest[from..].iter().take(most).take_while(|byte| is(**byte)).count()
    };
    let space = |byte: u8| byte == b' ' || byte == b'\t';
    let cut = |length| Some(Before { length, quote: None, whole: false });
    let mut at =
        count(0, NAME, &|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    at += count(at, 2, &|byte| matches!(byte, b'"' | b'\'' | b'\\' | b']'));
    at += count(at, SPACES, &space);
    let sign = count(at, 2, &|byte| matches!(byte, b'=' | b':' | b'>'));
    at += sign;
    if at == rest.len() {
        return cut(at);
    }
    if !matches!(&rest[at - sign..at], b"=" | b":" | b"=>" | b":=") {
        return None;
    }
    at += count(at, SPACES, &space);
    let quotes = count(at, 2, &|byte| matches!(byte, b'"' | b'\'' | b'\\' | b'`'));
    let quote = (quotes > 0).then(|| rest[at + quotes - 1]);
    at += quotes;
    for scheme in [&b"bearer "[..], b"basic ", b"token "] {
        let common = rest[at..]
            .iter()
            .zip(scheme)
            .take_while(|(one, other)| one.eq_ignore_ascii_case(other));
        let common = common.count();
        if common == scheme.len() {
            at += common;
            break;
        }
        if common > 0 && at + common == rest.len() {
            return cut(at);
        }
    }
    Some(Before { length: at, quote, whole: true })
}

fn is_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_.~-!@#%^&*".contains(&byte)
}

impl Value {
    fn is(self, value: &[u8]) -> bool {
        match self {
            Self::Random(least) => {
                // Paths, versions, dates, hashes of files: other things that
                // are named beside a secret.
                let other = is_uuid(value)
                    || value.contains(&b'/') && value.contains(&b'.')
                    || value.iter().filter(|byte| **byte == b'.').count() > 2
                    || value.iter().filter(|byte| **byte == b'-').count() > 3;
                let random = looks_random(value) || (least > 8 && is_key_of_hex(value));
                (least..=LONGEST).contains(&value.len()) && !other && random
            }
            Self::Hex(length) => value.len() == length && is_hex(value) && looks_random(value),
            Self::Uuid => is_uuid(value),
            Self::AzureKey => value.len() == 88 && value.ends_with(b"=="),
        }
    }
}

/// Hexadecimal digits of the lengths that keys have.
fn is_key_of_hex(value: &[u8]) -> bool {
    matches!(value.len(), 32 | 40 | 48 | 64)
        && is_hex(value)
        && value.iter().any(u8::is_ascii_digit)
}
