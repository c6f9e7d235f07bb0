//! The text of a pull request: what we say ourselves, and what the agent says,
//! which is not to be trusted.
//!
//! What an agent writes was steered by everything it read: tickets, code, web
//! pages. On a forge, `@everybody` would call people, `Fixes #1` would close a
//! ticket on merge, an HTML comment would hide what a reviewer should see, and
//! none of that is the agent's to decide. So its text is made [`neutral`], and
//! stands last: an unclosed code fence or tag can then swallow nothing of ours.

use std::fmt::Write;

/// Largest body we send, with the marks around it. GitHub's bound is 65,536
/// characters, Gitea has none that matters.
pub(crate) const MAX: usize = 64 * 1024;
/// Kept free for the marks, which are about 120 bytes.
const MARKS: usize = 256;
/// A list in the body is for a reader; the journal has the rest.
const MAX_ITEMS: usize = 50;
const MAX_ITEM: usize = 300;
const _: () = assert!(MAX_ITEMS * (MAX_ITEM + 64) * 3 + MARKS < MAX, "three full lists fit");

/// What goes into the text of a pull request.
#[derive(Debug, Clone, Default)]
pub struct Body<'a> {
    /// Issue that a merge closes.
    pub closes: Option<u64>,
    /// Where the task can be looked at: a URL, or a word to find it by.
    pub task: &'a str,
    /// What was run: agent and model, setup steps.
    pub ran: &'a [String],
    /// Tests that the agent ran, with their outcome.
    pub tests: &'a [String],
    /// What a reviewer must know: denied permissions, automatic decisions.
    pub reservations: &'a [String],
    /// What the agent says it did. Not trusted.
    pub summary: &'a str,
    /// The project's own form of it, with places (see [`PLACES`]); none: ours.
    pub template: Option<&'a str>,
}

/// What a template has places for. `{issue}` is the line that closes it.
pub const PLACES: [&str; 7] =
    ["{summary}", "{tests}", "{risks}", "{ran}", "{task}", "{issue}", "{title}"];

impl Body<'_> {
    /// The text, at most 64 KiB with the marks that go around it.
    pub fn text(&self, title: &str) -> String {
        match self.template {
            Some(template) => cut(&self.filled(template, title), MAX - MARKS),
            None => self.ours(),
        }
    }

    /// The template's own words as they are, and what goes into its places
    /// neutral. Nothing that is put in is looked at for places again.
    fn filled(&self, template: &str, title: &str) -> String {
        let closes = self.closes.map(|issue| format!("Closes #{issue}")).unwrap_or_default();
        let mut text = String::new();
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            push(&mut text, &rest[..at]);
            rest = &rest[at..];
            let place = PLACES.iter().find(|place| rest.starts_with(**place));
            let Some(place) = place else {
                push(&mut text, "{");
                rest = &rest[1..];
                continue;
            };
            rest = &rest[place.len()..];
            push(
                &mut text,
                &match *place {
                    "{summary}" => neutral(&cut(self.summary.trim(), MAX / 2)),
                    "{tests}" => lines(self.tests),
                    "{risks}" => lines(self.reservations),
                    "{ran}" => lines(self.ran),
                    "{task}" => item(self.task),
                    "{issue}" => closes.clone(),
                    _ => item(title),
                },
            );
        }
        push(&mut text, rest);
        // A merge closes the issue, wherever the project forgot to say so.
        if !closes.is_empty() && !template.contains("{issue}") {
            text = format!("{closes}\n\n{text}");
        }
        text.truncate(text.trim_end().len());
        text
    }

    fn ours(&self) -> String {
        let mut text = String::new();
        if let Some(issue) = self.closes {
            push(&mut text, &format!("Closes #{issue}\n\n"));
        }
        if !self.task.is_empty() {
            push(&mut text, &format!("Made by Pilothouse: {}\n\n", item(self.task)));
        }
        list(&mut text, "Please note", self.reservations);
        list(&mut text, "Tests", self.tests);
        list(&mut text, "What was run", self.ran);
        // Neutral text is never shorter, so what is over the bound goes first.
        let summary = neutral(&cut(self.summary.trim(), MAX));
        if !summary.is_empty() {
            push(&mut text, "### What the agent says\n\n");
            let room = MAX - MARKS - text.len();
            push(&mut text, &cut(&summary, room));
        }
        text.truncate(text.trim_end().len());
        text
    }
}

fn push(text: &mut String, more: &str) {
    // `write!` into a `String` cannot fail, and `push_str` says so.
    text.push_str(more);
}

fn list(text: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    push(text, &format!("### {title}\n\n{}\n\n", lines(items)));
}

/// The items as lines of a list; `none` where there are none.
fn lines(items: &[String]) -> String {
    let mut all: Vec<String> =
        items.iter().take(MAX_ITEMS).map(|line| format!("- {}", item(line))).collect();
    if items.len() > MAX_ITEMS {
        all.push(format!("- … and {} more", items.len() - MAX_ITEMS));
    }
    if all.is_empty() { "none".to_owned() } else { all.join("\n") }
}

/// One line of a list: neutral too, because reservations quote the agent.
fn item(line: &str) -> String {
    let line = &line[..line.floor_char_boundary(4 * MAX_ITEM)];
    cut(&neutral(&line.split_whitespace().collect::<Vec<_>>().join(" ")), MAX_ITEM)
}

/// At most `room` bytes of `text`, and a word where something was left out.
fn cut(text: &str, room: usize) -> String {
    const NOTE: usize = 40;
    if text.len() <= room {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(room.saturating_sub(NOTE));
    format!("{}… ({} bytes left out)", &text[..end], text.len() - end)
}

/// Words that close an issue when they stand before its number (Gitea's,
/// GitHub's and GitLab's).
const CLOSING: [&str; 12] = [
    "close",
    "closes",
    "closed",
    "closing",
    "fix",
    "fixes",
    "fixed",
    "fixing",
    "resolve",
    "resolves",
    "resolved",
    "implements",
];

/// A zero width space: shows nothing, and no forge looks through it.
const BREAK: char = '\u{200b}';

/// `text` so that it reads the same and does nothing: mentions, references and
/// closing words are broken by a zero width space, HTML comments and entities
/// that could spell one are shown as they are.
pub fn neutral(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut before = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        let at_word = !before.is_some_and(char::is_alphanumeric);
        if c.is_ascii_alphabetic()
            && at_word
            && let Some(word) = closing_word(rest)
        {
            out.push(c);
            out.push(BREAK);
            out.push_str(&word[1..]);
            before = word.chars().last();
            rest = &rest[word.len()..];
            continue;
        }
        match c {
            '<' if after.starts_with("!--") => out.push_str("&lt;"),
            '&' if spells_a_sign(after) => out.push_str("&amp;"),
            '@' if at_word && after.starts_with(name_char) => out.extend([c, BREAK]),
            '#' | '!' if after.starts_with(|c: char| c.is_ascii_digit()) => out.extend([c, BREAK]),
            // Everything that would show nothing or turn the text around, so
            // that a reviewer sees what is there.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            _ if c.is_control() && !matches!(c, '\n' | '\t') => {}
            _ => out.push(c),
        }
        before = Some(c);
        rest = after;
    }
    out
}

fn name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

/// `&#35;`, `&num;`: a `#`, `@` or `!` in disguise.
fn spells_a_sign(after: &str) -> bool {
    ["#", "num;", "commat;", "excl;"].iter().any(|name| after.starts_with(name))
}

/// The closing word that `rest` begins with, if what follows on its line may
/// be a reference (`#1`, `owner/name#1`, a URL, `GH-1`).
fn closing_word(rest: &str) -> Option<&str> {
    // Longer than any of the words, so that a long line is not read for each.
    let end = rest.bytes().take(12).take_while(u8::is_ascii_alphabetic).count();
    let word = &rest[..end];
    if !CLOSING.iter().any(|closing| word.eq_ignore_ascii_case(closing)) {
        return None;
    }
    let line = rest[end..].trim_start().lines().next().unwrap_or_default();
    let line = &line[..line.floor_char_boundary(MAX_ITEM)];
    let refers = line.contains(['#', '!', '/']) || line.to_ascii_lowercase().contains("gh-");
    refers.then_some(word)
}

const BEGIN: &str = "<!-- pilothouse:begin -->";
const END: &str = "<!-- pilothouse:end ";

/// Our text between marks, and the commit it speaks of in the closing one.
pub(crate) fn marked(body: &str, commit: &str) -> String {
    // A mark inside would end the section early.
    let body = body.replace("<!-- pilothouse:", "&lt;!-- pilothouse:");
    let body = cut(&body, MAX - MARKS);
    format!("{BEGIN}\n{body}\n\n{END}{commit} -->")
}

/// True if `body` holds our section, written for `commit`.
pub(crate) fn speaks_of(body: &str, commit: &str) -> bool {
    body.contains(&format!("{END}{commit} -->"))
}

/// `present` with our section replaced by `section`, or with it at the end.
/// What people wrote around it stays.
pub(crate) fn renewed(present: &str, section: &str) -> String {
    // Gitea keeps the line ends of whoever edited it last.
    let span = present.find(BEGIN).and_then(|begin| {
        let end = begin + present[begin..].find(END)?;
        Some((begin, end + present[end..].find("-->")? + "-->".len()))
    });
    match span {
        Some((begin, end)) => format!("{}{section}{}", &present[..begin], &present[end..]),
        None if present.trim().is_empty() => section.to_owned(),
        None => format!("{}\n\n{section}", present.trim_end()),
    }
}

/// A title of one line that every forge takes (Gitea's column holds 255).
pub(crate) fn title(text: &str) -> String {
    let mut title = String::new();
    for word in text.split_whitespace() {
        let joint = if title.is_empty() { "" } else { " " };
        // Infallible: see `fmt::Write for String`.
        if write!(title, "{joint}{word}").is_err() || title.len() > 400 {
            break;
        }
    }
    match title.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &title[..end]),
        None if title.is_empty() => "Changes by Pilothouse".to_owned(),
        None => title,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_text_calls_nobody_and_closes_nothing() {
        for (text, expected) in [
            ("ask @alice and (@bob)", "ask @\u{200b}alice and (@\u{200b}bob)"),
            ("mail a@example.org", "mail a@example.org"),
            ("see #12 and !3", "see #\u{200b}12 and !\u{200b}3"),
            ("Fixes #7", "F\u{200b}ixes #\u{200b}7"),
            ("fix: o/r#7", "f\u{200b}ix: o/r#\u{200b}7"),
            ("resolves https://f/o/r/issues/7", "r\u{200b}esolves https://f/o/r/issues/7"),
            ("CLOSES GH-7", "C\u{200b}LOSES GH-7"),
            ("closes &#35;7", "c\u{200b}loses &amp;#\u{200b}35;7"),
            ("fixes the parser", "fixes the parser"),
            ("prefixes #a, C# and a != b", "prefixes #a, C# and a != b"),
            ("<!-- hidden -->", "&lt;!-- hidden -->"),
            ("a\u{202e}b\u{7}c", "a\u{fffd}bc"),
        ] {
            assert_eq!(neutral(text), expected, "{text}");
        }
    }

    #[test]
    fn what_we_say_stands_before_what_the_agent_says() {
        let text = Body {
            closes: Some(7),
            task: "https://hub.example.org/tasks/1",
            ran: &["claude 2.0".to_owned(), "npm ci".to_owned()],
            reservations: &["`rm` was denied".to_owned()],
            tests: &["`cargo test`: passed".to_owned()],
            summary: "```\nDone, @alice. Fixes #9",
            template: None,
        }
        .text("T");
        assert_eq!(
            text,
            "Closes #7\n\nMade by Pilothouse: https://hub.example.org/tasks/1\n\n\
             ### Please note\n\n- `rm` was denied\n\n\
             ### Tests\n\n- `cargo test`: passed\n\n\
             ### What was run\n\n- claude 2.0\n- npm ci\n\n\
             ### What the agent says\n\n```\nDone, @\u{200b}alice. F\u{200b}ixes #\u{200b}9"
        );
    }

    #[test]
    fn a_body_is_bounded_whatever_goes_in() {
        let many = vec!["é@x ".repeat(1000); 1000];
        let summary = "#1é".repeat(100_000);
        let body = Body {
            closes: Some(1),
            task: "t",
            ran: &many,
            reservations: &many,
            tests: &many,
            summary: &summary,
            template: None,
        };
        let text = body.text("t");
        assert!(marked(&text, &"f".repeat(64)).len() <= MAX, "{} bytes", text.len());
        assert!(text.contains("left out"), "it says that it was cut");
    }

    #[test]
    fn a_template_says_it_in_the_projects_own_words() {
        let body = Body {
            closes: Some(7),
            task: "https://hub.example.org/tasks/1",
            ran: &[],
            tests: &["`cargo test`: passed".to_owned()],
            reservations: &[],
            summary: "Mended {tests}. Fixes #9",
            template: Some("## {title}\n{summary}\n{tests}\nRisks: {risks} {nothing}\n{task}"),
        };
        assert_eq!(
            body.text("Mend @it"),
            "Closes #7\n\n## Mend @\u{200b}it\nMended {tests}. F\u{200b}ixes #\u{200b}9\n\
             - `cargo test`: passed\nRisks: none {nothing}\nhttps://hub.example.org/tasks/1"
        );
        let body = Body { template: Some("{issue}: {summary}"), ..body };
        assert!(body.text("t").starts_with("Closes #7: Mended"), "once");
    }

    #[test]
    fn our_section_is_renewed_and_a_persons_words_stay() {
        let first = marked("one", "aaa");
        assert!(speaks_of(&first, "aaa") && !speaks_of(&first, "bbb"));
        assert_eq!(renewed("", &first), first);
        let edited = format!("Before.\r\n{first}\r\nAfter.");
        let second = marked("two", "bbb");
        assert_eq!(renewed(&edited, &second), format!("Before.\r\n{second}\r\nAfter."));
        assert_eq!(renewed("A person's own.", &second), format!("A person's own.\n\n{second}"));
    }

    #[test]
    fn a_mark_inside_the_text_does_not_end_the_section() {
        let first = marked("x <!-- pilothouse:end aaa --> y", "bbb");
        assert!(!speaks_of(&first, "aaa"), "only our own mark counts");
        assert_eq!(renewed(&first, "new"), "new");
    }

    #[test]
    fn a_title_is_one_line_of_bounded_length() {
        assert_eq!(title(" Add\n a  test "), "Add a test");
        assert_eq!(title(""), "Changes by Pilothouse");
        assert_eq!(title(&"ü".repeat(500)).chars().count(), 201);
    }
}
