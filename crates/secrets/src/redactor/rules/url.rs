//! Passwords in URLs and connection strings: `postgres://user:password@host`.

use super::{Place, Step, Tail};

/// Longest user name, and longest password, that is looked for.
const LONGEST: usize = 256;
/// What stands in documentation instead of a password.
const PLACEHOLDERS: [&str; 12] = [
    "password",
    "passwd",
    "pass",
    "pwd",
    "pw",
    "secret",
    "token",
    "user",
    "example",
    "x-oauth-basic",
    "changeme",
    "redacted",
];

/// At `://`.
pub(super) fn look(place: Place<'_>) -> Step {
    let Place { bytes, at, .. } = place;
    let user = at + 3;
    // A quote, a bracket or white space ends a URL; a `/` ends its user part.
    let ends = |byte: &u8| !byte.is_ascii_graphic() || b"/?#\"'`<>\\(),;|".contains(byte);
    let part = |from: usize, stop: &[u8]| {
        let rest = &bytes[from..];
        rest.iter().take(LONGEST).position(|byte| ends(byte) || stop.contains(byte))
    };
    let Some(length) = part(user, b":@") else {
        return if bytes.len() - user < LONGEST { place.more(bytes.len()) } else { Step::No };
    };
    let password = user + length + 1;
    if bytes[password - 1] != b':' {
        return Step::No;
    }
    let Some(length) = part(password, b"@") else {
        return if bytes.len() - password < LONGEST { place.more(password) } else { Step::No };
    };
    let end = password + length;
    if bytes[end] != b'@' || is_placeholder(&bytes[password..end]) {
        return Step::No;
    }
    Step::Yes { start: password, end, rule: "url-password", tail: Tail::None }
}

fn is_placeholder(password: &[u8]) -> bool {
    let text = String::from_utf8_lossy(password).to_ascii_lowercase();
    let one_letter = text.bytes().all(|byte| Some(&byte) == text.as_bytes().first());
    // `${VARIABLE}`, `{password}`, `[redacted:…]`, `%s`.
    let filled_in = text.starts_with(['$', '{', '[']) || text == "%s" || text == "%v";
    text.is_empty() || one_letter || filled_in || PLACEHOLDERS.contains(&text.as_str())
}
