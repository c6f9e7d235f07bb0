//! A terminal's screen that nobody looks at here: what of it is of use outside,
//! as lines of JSON. See [`super::terminal::QUIET_SUBCOMMAND`].

use serde_json::json;
use std::io::{self, Write};

/// What the addresses of sessions begin with.
const ADDRESS: &[u8] = b"https://claude.ai/code/";

/// More than any address is long, and than what a failing program says last.
const WINDOW: usize = 8 * 1024;

/// So many bytes of drawing are a sign of life: a minute of a spinner, and
/// nothing while the program waits for a person.
const MOVES: usize = 16 * 1024;

/// The screen.
pub(super) struct Screen<W> {
    out: W,
    /// The last that was drawn.
    window: Vec<u8>,
    told: Option<String>,
    drawn: usize,
}

impl<W: Write> Screen<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, window: Vec::new(), told: None, drawn: 0 }
    }

    /// What it shows last, as plain lines.
    pub(super) fn tell_last(&mut self) -> io::Result<()> {
        self.out.write_all(plain(&self.window).as_bytes())?;
        self.out.flush()
    }

    fn tell(&mut self, what: &serde_json::Value) -> io::Result<()> {
        writeln!(self.out, "{}", json!({ "screen": what }))?;
        self.out.flush()
    }
}

impl<W: Write> Write for Screen<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.window.extend_from_slice(bytes);
        if let Some(link) = link(&self.window).filter(|link| self.told.as_ref() != Some(link)) {
            self.told = Some(link.clone());
            self.tell(&json!({ "link": link }))?;
        }
        let superfluous = self.window.len().saturating_sub(WINDOW);
        self.window.drain(..superfluous);
        self.drawn += bytes.len();
        if self.drawn >= MOVES {
            self.drawn = 0;
            self.tell(&json!({ "moves": true }))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The last whole address that was drawn. One at the very end may go on.
fn link(drawn: &[u8]) -> Option<String> {
    let begins = drawn.windows(ADDRESS.len()).enumerate().rev();
    let mut begins = begins.filter(|(_, part)| *part == ADDRESS).map(|(at, _)| at);
    begins.find_map(|at| {
        let rest = &drawn[at + ADDRESS.len()..];
        let id = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let length = rest.iter().position(|byte| !id(byte))?;
        // A page of the product's is no session.
        let is_session = rest[..length].contains(&b'_') && length > ADDRESS.len() / 2;
        is_session.then(|| String::from_utf8_lossy(&drawn[at..at + ADDRESS.len() + length]).into())
    })
}

/// Without what moves the cursor and chooses colours (ECMA-48, 5.4 and 5.6).
fn plain(drawn: &[u8]) -> String {
    let text = String::from_utf8_lossy(drawn);
    let mut letters = text.chars();
    let mut plain = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => match letters.next() {
                Some('[') => {
                    letters.find(|one| ('@'..='~').contains(one));
                }
                Some(']') => {
                    letters.find(|one| matches!(one, '\u{7}' | '\\'));
                }
                Some(_) | None => {}
            },
            '\n' => plain.push('\n'),
            other if other.is_control() => {}
            other => plain.push(other),
        }
    }
    let lines: Vec<&str> =
        plain.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let mut whole = lines.join("\n");
    whole.push('\n');
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pieces: &[&str]) -> String {
        let mut screen = Screen::new(Vec::new());
        for piece in pieces {
            screen.write_all(piece.as_bytes()).expect("memory takes it");
        }
        String::from_utf8(screen.out).expect("text")
    }

    #[test]
    fn an_address_is_told_once_and_whole() {
        let url = "https://claude.ai/code/session_01AbCdEf-9";
        let line = format!("{{\"screen\":{{\"link\":\"{url}\"}}}}\n");
        assert_eq!(told(&[&format!("\u{1b}[2m{url}\u{1b}[22m\r\n{url} again\n")]), line);
        let (left, right) = url.split_at(30);
        assert_eq!(told(&["See ", left, right, "\u{1b}[0m\n"]), line, "it came in pieces");
        let hyperlink = format!("\u{1b}]8;;{url}\u{7}open\u{1b}]8;;\u{7}");
        assert_eq!(told(&[&hyperlink]), line);
        assert_eq!(
            told(&["https://claude.ai/code/onboarding \n", "https://claude.ai/code \n"]),
            ""
        );
        let other = "https://claude.ai/code/session_02XyzXyz-0";
        assert!(told(&[url, " ", other, " "]).contains(other), "a new session has a new one");
    }

    #[test]
    fn what_moves_is_a_sign_of_life_and_nothing_more() {
        let frame = "\u{1b}[1G✻ Thinking…".repeat(2000);
        assert_eq!(told(&[&frame]), "{\"screen\":{\"moves\":true}}\n");
        assert_eq!(told(&["a little"]), "");
    }

    #[test]
    fn what_it_showed_last_is_told_as_plain_lines() {
        let mut screen = Screen::new(Vec::new());
        let drawn = "\u{1b}[31mError:\u{1b}[0m no\r\n\u{1b}]0;title\u{7}\n  gone \n";
        screen.write_all(drawn.as_bytes()).expect("memory takes it");
        screen.tell_last().expect("memory takes it");
        assert_eq!(String::from_utf8_lossy(&screen.out), "Error: no\n  gone\n");
    }
}
