//! A granted secret's form at a place of a text, also where line breaks run
//! through it.

use super::forms::Form;

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    No,
    /// So far it fits; from `from` on it may be secret.
    Begun {
        from: usize,
    },
    Found {
        start: usize,
        end: usize,
    },
}

/// A line break this early does not hold the form's first letters back: they
/// would be the last letters of most lines. They alone give nothing away.
const EARLY: usize = 4;
/// Most spaces that a continued line is indented by.
const INDENT: usize = 32;

/// Looks for a form at `at`. A form that was begun before an early line break
/// is secret from the break on.
pub(super) fn look(bytes: &[u8], at: usize, form: &Form) -> Match {
    if bytes[at..].starts_with(&form.text) {
        return Match::Found { start: at, end: at + form.text.len() };
    }
    if !form.wraps {
        let fits = form.text.starts_with(&bytes[at..]);
        return if fits { Match::Begun { from: at } } else { Match::No };
    }
    let (mut start, mut here) = (at, at);
    for (number, letter) in form.text.iter().enumerate() {
        if number > 0 && bytes.get(here).is_some_and(|byte| byte != letter) {
            match line_break(&bytes[here..]) {
                Break::No => return Match::No,
                Break::Begun if number < EARLY => return Match::Begun { from: bytes.len() },
                Break::Begun => return Match::Begun { from: start },
                Break::Length(length) => here += length,
            }
            if number < EARLY {
                start = here;
            }
        }
        match bytes.get(here) {
            None => return Match::Begun { from: start },
            Some(byte) if byte == letter => here += 1,
            Some(_) => return Match::No,
        }
    }
    Match::Found { start, end: here }
}

enum Break {
    No,
    /// The text ends within it.
    Begun,
    Length(usize),
}

/// A line break, as it is or as JSON writes it, and the next line's indent;
/// `rest` is not empty.
fn line_break(rest: &[u8]) -> Break {
    for end in [&b"\r\n"[..], b"\n", b"\\r\\n", b"\\n"] {
        if let Some(after) = rest.strip_prefix(end) {
            let indent = after.iter().take(INDENT).take_while(|byte| b" \t".contains(byte)).count();
            return Break::Length(end.len() + indent);
        }
        if end.starts_with(rest) {
            return Break::Begun;
        }
    }
    Break::No
}
