//! What a command line runs, as far as that can be told without running it.
//!
//! Not a shell: it splits a line into its commands (`a && b; c | d`, `$(…)`,
//! `` `…` ``, `sh -c '…'`, here-documents for a shell), takes the quotes off,
//! and says of what is left how far it can be trusted. A word that the shell
//! would make (`$X`, `a*`, `{a,b}`) is unknown. What has a construct that a
//! reader may overlook, such as a redirection into a file, is doubtful: the
//! commands in it count for what is refused, and not for what is allowed.

mod simple;

use super::pattern::{Letter, Text};
pub(super) use simple::Simple;
use simple::{is_assignment, is_one_of};

/// A longer line is not read.
const LONGEST: usize = 64 * 1024;
/// A command in a command in a command; deeper ones are not read.
const DEEPEST: u32 = 8;

/// Words of the shell's own language.
const KEYWORDS: &[&str] = &[
    "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac",
    "in", "function", "select", "{", "}", "!", "[[", "coproc", "alias", "trap", "source", ".",
];
/// Programs that take command lines as arguments.
const SHELLS: &[&str] =
    &["sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "eval", "su", "runuser", "trap", "alias"];

/// Stands for something unknown in a line that is read once more. Private use
/// (Unicode, U+E000): no agent types it.
const UNKNOWN: char = '\u{e000}';

/// The commands of a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Commands {
    /// These and no others.
    Sure(Vec<Simple>),
    /// These, and perhaps more; none where it cannot be read at all.
    Doubtful(Option<Vec<Simple>>),
}

/// Reads a command line.
pub(super) fn read(line: &str) -> Commands {
    read_at(line, 0)
}

fn read_at(line: &str, depth: u32) -> Commands {
    if line.len() > LONGEST || depth > DEEPEST {
        return Commands::Doubtful(None);
    }
    let mut reader = Reader::new(line.chars().collect(), depth);
    match reader.list(None) {
        Some(()) if reader.sure => Commands::Sure(reader.all),
        Some(()) => Commands::Doubtful(Some(reader.all)),
        None => Commands::Doubtful(None),
    }
}

/// A here-document whose text is still to come.
struct Here {
    end: String,
    indented: bool,
    /// The shell takes its text as it is.
    plain: bool,
    /// A shell reads it.
    for_shell: bool,
}

struct Reader {
    letters: Vec<char>,
    at: usize,
    depth: u32,
    sure: bool,
    all: Vec<Simple>,
    here: Vec<Here>,
}

/// What is being read.
#[derive(Default)]
struct Now {
    command: Simple,
    word: Option<Text>,
    /// The next word is where output goes, or input comes from.
    redirecting: bool,
}

impl Now {
    fn push(&mut self, letter: Letter) {
        self.word.get_or_insert_default().0.push(letter);
    }

    fn known(&mut self, letter: char) {
        self.push(if letter == UNKNOWN { Letter::Unknown } else { Letter::Known(letter) });
    }
}

impl Reader {
    fn new(letters: Vec<char>, depth: u32) -> Self {
        Self { letters, at: 0, depth, sure: true, all: Vec::new(), here: Vec::new() }
    }

    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += 1;
        Some(letter)
    }

    fn next_if(&mut self, wanted: char) -> bool {
        let is = self.peek() == Some(wanted);
        self.at += usize::from(is);
        is
    }

    /// Commands up to the end, or to the bracket that closes them. None where
    /// it cannot be read.
    fn list(&mut self, until: Option<char>) -> Option<()> {
        let mut now = Now::default();
        let mut open = 0_u32;
        while let Some(letter) = self.next() {
            match letter {
                ' ' | '\t' | '\r' => self.end_word(&mut now),
                '\n' => {
                    self.end_command(&mut now)?;
                    self.here_documents()?;
                }
                '&' if self.peek() == Some('>') => self.end_word(&mut now),
                ';' | '|' | '&' => self.end_command(&mut now)?,
                ')' if open == 0 && until == Some(')') => {
                    self.end_command(&mut now)?;
                    return self.here.is_empty().then_some(());
                }
                '(' | ')' => {
                    self.sure = false;
                    open = if letter == '(' { open + 1 } else { open.saturating_sub(1) };
                    self.end_command(&mut now)?;
                }
                '#' if now.word.is_none() => {
                    self.sure = false;
                    while self.peek().is_some_and(|letter| letter != '\n') {
                        self.at += 1;
                    }
                }
                '<' | '>' => self.redirection(letter, &mut now)?,
                other => self.in_word(other, &mut now)?,
            }
        }
        self.end_command(&mut now)?;
        (until.is_none() && self.here.is_empty()).then_some(())
    }

    fn in_word(&mut self, letter: char, now: &mut Now) -> Option<()> {
        match letter {
            '\\' => match self.next()? {
                '\n' => {}
                other => now.known(other),
            },
            '\'' => {
                now.word.get_or_insert_default();
                loop {
                    match self.next()? {
                        '\'' => break,
                        inside => now.known(inside),
                    }
                }
            }
            '"' => self.in_quotes(now)?,
            '$' => self.dollar(now)?,
            '`' => self.backticks(now)?,
            '[' if now.word.is_none() && self.ends_word() => now.known('['),
            '[' if now.word.is_none() && self.peek() == Some('[') => {
                self.at += 1;
                "[[".chars().for_each(|letter| now.known(letter));
            }
            '*' | '?' | '[' => now.push(Letter::Unknown),
            '{' => self.brace(now),
            plain => now.known(plain),
        }
        Some(())
    }

    fn ends_word(&self) -> bool {
        self.peek().is_none_or(char::is_whitespace)
    }

    fn in_quotes(&mut self, now: &mut Now) -> Option<()> {
        now.word.get_or_insert_default();
        loop {
            match self.next()? {
                '"' => return Some(()),
                '\\' => match self.next()? {
                    '\n' => {}
                    inside @ ('"' | '\\' | '$' | '`') => now.known(inside),
                    other => {
                        now.known('\\');
                        now.known(other);
                    }
                },
                '$' => self.dollar(now)?,
                '`' => self.backticks(now)?,
                inside => now.known(inside),
            }
        }
    }

    /// What the shell puts in place of `$…`. Commands in it are read as well.
    fn dollar(&mut self, now: &mut Now) -> Option<()> {
        match self.peek() {
            Some('(') => {
                self.at += 1;
                self.nested()?;
                now.push(Letter::Unknown);
            }
            Some('{') => {
                let from = self.at;
                while self.next()? != '}' {}
                let inside = &self.letters[from..self.at];
                // A command, or another value, in what stands for the value.
                if inside.iter().skip(1).any(|letter| matches!(letter, '$' | '`' | '\'' | '"')) {
                    return None;
                }
                now.push(Letter::Unknown);
            }
            Some('\'') => {
                self.at += 1;
                loop {
                    match self.next()? {
                        '\'' => break,
                        '\\' => drop(self.next()?),
                        _ => {}
                    }
                }
                now.push(Letter::Unknown);
            }
            Some('"') => {}
            Some(letter) if letter.is_ascii_alphabetic() || letter == '_' => {
                while self.peek().is_some_and(|one| one.is_ascii_alphanumeric() || one == '_') {
                    self.at += 1;
                }
                now.push(Letter::Unknown);
            }
            Some(letter) if letter.is_ascii_digit() || "@*#?-$!".contains(letter) => {
                self.at += 1;
                now.push(Letter::Unknown);
            }
            Some(_) | None => now.known('$'),
        }
        Some(())
    }

    /// `(…)`, whose bracket was read.
    fn nested(&mut self) -> Option<()> {
        if self.depth >= DEEPEST {
            return None;
        }
        self.depth += 1;
        let here = std::mem::take(&mut self.here);
        self.list(Some(')'))?;
        self.here = here;
        self.depth -= 1;
        Some(())
    }

    fn backticks(&mut self, now: &mut Now) -> Option<()> {
        let mut inside = String::new();
        loop {
            match self.next()? {
                '`' => break,
                '\\' => match self.next()? {
                    letter @ ('`' | '\\' | '$') => inside.push(letter),
                    other => inside.extend(['\\', other]),
                },
                letter => inside.push(letter),
            }
        }
        now.push(Letter::Unknown);
        self.take_in(&inside)
    }

    /// Another line that is run.
    fn take_in(&mut self, line: &str) -> Option<()> {
        match read_at(line, self.depth + 1) {
            Commands::Sure(commands) => self.all.extend(commands),
            Commands::Doubtful(commands) => {
                self.sure = false;
                self.all.extend(commands?);
            }
        }
        Some(())
    }

    /// `{a,b}` is several words; any other brace is a brace.
    fn brace(&mut self, now: &mut Now) {
        let rest = self.letters[self.at..].iter();
        let inside: String = rest.take_while(|letter| !letter.is_whitespace()).collect();
        let several = inside
            .split_once('}')
            .is_some_and(|(inside, _)| inside.contains(',') || inside.contains(".."));
        if several {
            while self.next().is_some_and(|letter| letter != '}') {}
            now.push(Letter::Unknown);
        } else {
            now.known('{');
        }
    }

    fn redirection(&mut self, letter: char, now: &mut Now) -> Option<()> {
        let number = now.word.as_ref().and_then(Text::known);
        if number.is_some_and(|word| word.chars().all(|one| one.is_ascii_digit())) {
            // Which of its files is meant.
            now.word = None;
        }
        self.end_word(now);
        if self.next_if('(') {
            self.sure = false;
            self.nested()?;
            now.push(Letter::Unknown);
            return Some(());
        }
        if letter == '<' && self.next_if('<') {
            self.sure = false;
            return if self.next_if('<') { Some(()) } else { self.here_begins(now) };
        }
        let _ = self.next_if(letter) || self.next_if('|') || self.next_if('&') || self.next_if('>');
        now.redirecting = true;
        Some(())
    }

    fn here_begins(&mut self, now: &Now) -> Option<()> {
        let indented = self.next_if('-');
        while self.next_if(' ') || self.next_if('\t') {}
        let mut end = String::new();
        let mut plain = false;
        while let Some(letter) = self.peek() {
            match letter {
                '\'' | '"' | '\\' => plain = true,
                other if other.is_whitespace() || ";|&()<>".contains(other) => break,
                other => end.push(other),
            }
            self.at += 1;
        }
        let for_shell = now.command.words.iter().any(|word| is_one_of(word, SHELLS));
        self.here.push(Here { end, indented, plain, for_shell });
        (!self.here.last()?.end.is_empty()).then_some(())
    }

    fn here_documents(&mut self) -> Option<()> {
        for here in std::mem::take(&mut self.here) {
            let mut text = String::new();
            loop {
                if self.at >= self.letters.len() {
                    return None;
                }
                let mut line = String::new();
                while let Some(letter) = self.next().filter(|letter| *letter != '\n') {
                    line.push(letter);
                }
                let bare = if here.indented { line.trim_start_matches('\t') } else { &line };
                if bare == here.end {
                    break;
                }
                text.push_str(&line);
                text.push('\n');
            }
            if here.for_shell {
                self.take_in(&text)?;
            } else if !here.plain && (text.contains("$(") || text.contains('`')) {
                return None;
            }
        }
        Some(())
    }

    fn end_word(&mut self, now: &mut Now) {
        let Some(word) = now.word.take() else { return };
        if !std::mem::take(&mut now.redirecting) {
            now.command.words.push(word);
            return;
        }
        let known = word.known();
        let nowhere = known.as_deref().is_some_and(|name| {
            name == "/dev/null" || name == "-" || name.chars().all(|one| one.is_ascii_digit())
        });
        if !nowhere {
            self.sure = false;
            now.command.redirected.push(word);
        }
    }

    fn end_command(&mut self, now: &mut Now) -> Option<()> {
        self.end_word(now);
        now.redirecting = false;
        let command = std::mem::take(&mut now.command);
        if command.words.is_empty() && command.redirected.is_empty() {
            return Some(());
        }
        let first = command.words.iter().find(|word| !is_assignment(word));
        if first.is_none_or(|word| is_one_of(word, KEYWORDS)) {
            self.sure = false;
        }
        let shell = command.words.iter().position(|word| is_one_of(word, SHELLS));
        if let Some(shell) = shell.filter(|at| command.leads_on(*at)) {
            for word in &command.words[shell + 1..] {
                let letter = |letter: &Letter| match letter {
                    Letter::Known(letter) => *letter,
                    Letter::Unknown => UNKNOWN,
                };
                let line: String = word.0.iter().map(letter).collect();
                if line.contains(char::is_whitespace) || line.contains([';', '&', '|', UNKNOWN]) {
                    self.take_in(&line)?;
                }
            }
        }
        self.all.push(command);
        Some(())
    }
}
