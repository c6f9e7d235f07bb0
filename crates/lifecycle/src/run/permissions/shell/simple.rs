//! One command of a line: what it may be called, and which files it names.

use crate::run::permissions::pattern::{Letter, Pattern, Text};

/// Words right behind which a command begins.
const BEFORE_A_COMMAND: &[&str] =
    &["if", "then", "else", "elif", "while", "until", "do", "{", "!", "time", "coproc"];
/// Programs that run the command which stands somewhere behind them.
const RUNNERS: &[&str] = &[
    "sudo",
    "doas",
    "env",
    "nohup",
    "timeout",
    "nice",
    "ionice",
    "command",
    "exec",
    "builtin",
    "xargs",
    "setsid",
    "stdbuf",
    "watch",
    "unshare",
    "chroot",
    "busybox",
    "parallel",
    "flock",
    "strace",
    "find",
    "fd",
    "su",
    "runuser",
    "nsenter",
    "chrt",
    "taskset",
    "caffeinate",
];
/// One command: a name and arguments, without quotes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in super::super) struct Simple {
    pub(super) words: Vec<Text>,
    /// Files that it reads or writes by redirection.
    pub(super) redirected: Vec<Text>,
}

impl Simple {
    /// The words, a space between them.
    pub(in super::super) fn text(&self) -> Text {
        joined(&self.words)
    }

    /// The pattern may be about it, whatever stands before its name.
    pub(in super::super) fn may_be(&self, pattern: &Pattern) -> bool {
        self.spellings().any(|text| pattern.may_be(&text))
    }

    fn spellings(&self) -> impl Iterator<Item = Text> {
        let starts: Vec<usize> = (0..self.words.len()).filter(|at| self.leads_on(*at)).collect();
        starts.into_iter().flat_map(|at| {
            let words = &self.words[at..];
            let mut bare = words.to_vec();
            if let Some(first) = bare.first_mut() {
                *first = base_name(first);
            }
            [joined(words), joined(&bare)]
        })
    }

    /// A command may begin at `at`: before it stand only assignments and words
    /// of the shell, or something that runs another command.
    pub(super) fn leads_on(&self, at: usize) -> bool {
        let led = |word: &&Text| is_assignment(word) || is_one_of(word, BEFORE_A_COMMAND);
        let mut before = self.words[..at].iter().skip_while(led);
        match before.next() {
            None => true,
            // Its own arguments may be unknown, too: only a name begins a command.
            Some(word) => {
                let named = self.words.get(at).and_then(|word| word.0.first());
                is_one_of(word, RUNNERS) && matches!(named, Some(Letter::Known(_)))
            }
        }
    }

    /// What may be the name of a file: words, what stands behind a `=`, and
    /// what is redirected. A word of which nothing is known tells nothing.
    pub(in super::super) fn files(&self) -> impl Iterator<Item = Text> {
        let valued = |word: &Text| {
            let at = word.0.iter().rposition(|letter| *letter == Letter::Known('='))?;
            Some(Text(word.0[at + 1..].to_vec()))
        };
        let words = self.words.iter().chain(&self.redirected);
        let all: Vec<Text> =
            words.flat_map(|word| std::iter::once(word.clone()).chain(valued(word))).collect();
        let tells = |text: &Text| text.0.iter().any(|letter| *letter != Letter::Unknown);
        all.into_iter().filter(tells).map(|text| text.as_path())
    }
}

fn joined(words: &[Text]) -> Text {
    let mut letters = Vec::new();
    for word in words {
        if !letters.is_empty() {
            letters.push(Letter::Known(' '));
        }
        letters.extend_from_slice(&word.0);
    }
    Text(letters)
}

/// `/usr/bin/git` is `git`.
fn base_name(word: &Text) -> Text {
    let slash = word.0.iter().rposition(|letter| *letter == Letter::Known('/'));
    Text(word.0[slash.map_or(0, |at| at + 1)..].to_vec())
}

pub(super) fn is_assignment(word: &Text) -> bool {
    let name = word.0.split(|letter| *letter == Letter::Known('=')).next().unwrap_or_default();
    let of_a_name = |letter: &Letter| match letter {
        Letter::Known(letter) => letter.is_ascii_alphanumeric() || *letter == '_',
        Letter::Unknown => false,
    };
    name.len() < word.0.len() && !name.is_empty() && name.iter().all(of_a_name)
}

pub(super) fn is_one_of(word: &Text, names: &[&str]) -> bool {
    base_name(word).known().is_some_and(|name| names.contains(&name.as_str()))
}
