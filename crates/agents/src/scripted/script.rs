//! The language of a scripted prompt: one command a line.

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    Write { path: String, text: String },
    Append { path: String, text: String },
    Delete { path: String },
    Rename { from: String, to: String },
    Run { command: String },
    Commit { message: String },
    Say { text: String },
    Think { text: String },
    Print { count: u64, prefix: String },
    LinesPerSecond { rate: u32, count: u64 },
    Stderr { text: String },
    Ask { question: String, options: Vec<String> },
    Permit { tool: String, command: String },
    Plan { text: String },
    SleepMs { ms: u64 },
    WaitFile { path: String },
    Fail { message: String },
    Exit { code: u8 },
    Nothing,
}

/// A meaningful line of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Line {
    Command(Command),
    /// Not a command.
    Other(String),
}

/// Words that no path and no program is called by: they tell a sentence
/// (`write a poem`, `run the tests`) from a command.
const PROSE: &[&str] =
    &["a", "all", "an", "every", "it", "me", "my", "our", "some", "that", "the", "this", "your"];

/// The prompt's meaningful lines.
pub(super) fn lines(prompt: &str) -> Vec<Line> {
    prompt
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| match command(line) {
            Some(command) => Line::Command(command),
            None => Line::Other(line.to_owned()),
        })
        .collect()
}

fn command(line: &str) -> Option<Command> {
    let (verb, rest) = word(line);
    let text = || unescape(rest);
    match verb {
        "write" => file(rest).map(|(path, text)| Command::Write { path, text }),
        "append" => file(rest).map(|(path, text)| Command::Append { path, text }),
        "delete" => only(rest).map(|path| Command::Delete { path }),
        "rename" => {
            let (from, to) = word(rest);
            Some(Command::Rename { from: only(from)?, to: only(to)? })
        }
        "run" => shell(rest).map(|command| Command::Run { command }),
        "commit" => some(rest).map(|message| Command::Commit { message }),
        "say" => Some(Command::Say { text: text() }),
        "think" => Some(Command::Think { text: text() }),
        "print" => {
            let (count, prefix) = word(rest);
            let prefix = if prefix.is_empty() { "line" } else { prefix };
            Some(Command::Print { count: count.parse().ok()?, prefix: prefix.to_owned() })
        }
        "lines-per-second" => {
            let (rate, count) = word(rest);
            let rate = rate.parse().ok().filter(|rate| *rate > 0)?;
            Some(Command::LinesPerSecond { rate, count: count.parse().ok()? })
        }
        "stderr" => Some(Command::Stderr { text: text() }),
        "ask" => {
            let mut parts = rest.split('|').map(str::trim);
            let question = some(parts.next()?)?;
            let options = parts.filter(|option| !option.is_empty()).map(str::to_owned).collect();
            Some(Command::Ask { question, options })
        }
        "permit" => {
            let (tool, command) = word(rest);
            Some(Command::Permit { tool: only(tool)?, command: some(command)? })
        }
        "plan" => some(rest).map(|text| Command::Plan { text: unescape(&text) }),
        "sleep-ms" => rest.parse().ok().map(|ms| Command::SleepMs { ms }),
        "wait-file" => only(rest).map(|path| Command::WaitFile { path }),
        "fail" => some(rest).map(|message| Command::Fail { message }),
        "exit" => rest.parse().ok().map(|code| Command::Exit { code }),
        "nothing" if rest.is_empty() => Some(Command::Nothing),
        _ => None,
    }
}

/// The first word, and the rest without the space between.
fn word(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((first, rest)) => (first, rest.trim_start()),
        None => (text, ""),
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Exactly one word that could be a path.
fn only(text: &str) -> Option<String> {
    let (first, rest) = word(text);
    some(first).filter(|first| rest.is_empty() && !PROSE.contains(&first.as_str()))
}

fn file(rest: &str) -> Option<(String, String)> {
    let (path, text) = word(rest);
    Some((only(path)?, unescape(text)))
}

fn shell(rest: &str) -> Option<String> {
    let (program, _) = word(rest);
    some(rest).filter(|_| !PROSE.contains(&program))
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('\\') | None => plain.push('\\'),
            Some(other) => plain.extend(['\\', other]),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_command_or_a_sentence() {
        let check = |line: &str, expected: Option<Command>| {
            assert_eq!(command(line), expected, "{line}");
        };
        check(
            r"write src/a.txt one\ntwo\\",
            Some(Command::Write { path: "src/a.txt".into(), text: "one\ntwo\\".into() }),
        );
        check("write empty", Some(Command::Write { path: "empty".into(), text: String::new() }));
        check("write a poem into poem.txt", None);
        check("run the tests and fix them", None);
        check("run ls -l | wc", Some(Command::Run { command: "ls -l | wc".into() }));
        check("print 3", Some(Command::Print { count: 3, prefix: "line".into() }));
        check("print 3 row no", Some(Command::Print { count: 3, prefix: "row no".into() }));
        check("print three", None);
        check(
            "ask Which colour? | Red | Blue",
            Some(Command::Ask {
                question: "Which colour?".into(),
                options: vec!["Red".into(), "Blue".into()],
            }),
        );
        check(
            "permit Bash echo hi",
            Some(Command::Permit { tool: "Bash".into(), command: "echo hi".into() }),
        );
        check("rename a.txt", None);
        check("lines-per-second 0 5", None);
        check("exit 300", None);
        check("Nothing", None);
        check("delete all of it", None);
    }

    #[test]
    fn comments_and_empty_lines_mean_nothing() {
        let lines = lines("# Title\n\n  nothing \nPlease be kind.\n");
        assert_eq!(
            lines,
            [Line::Command(Command::Nothing), Line::Other("Please be kind.".to_owned())]
        );
    }
}
