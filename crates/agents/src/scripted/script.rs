//! The language of a scripted prompt: one command a line.

use pilot_proto::event::Todo;
use pilot_proto::inbox::Choice;
use pilot_proto::run::Usage;

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
    Todos { items: Vec<Todo> },
    Tool { tool: String, summary: String, ok: bool, output: String },
    Subagent { summary: String },
    EndSubagent { text: String },
    Print { count: u64, prefix: String },
    LinesPerSecond { rate: u32, count: u64 },
    Output { text: String },
    Stderr { text: String },
    Fill { path: String, count: u64, prefix: String },
    Artifact { path: String, text: String },
    Ask { question: String, options: Vec<Choice> },
    Permit { tool: String, command: String },
    Plan { text: String },
    Usage(Usage),
    Retry { attempt: u32, wait_ms: u64, reason: String },
    Limit { secs: u64, reason: String },
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
        "todos" => todos(rest),
        "tool" => tool(rest),
        "subagent" => some(rest).map(|summary| Command::Subagent { summary }),
        "end-subagent" => Some(Command::EndSubagent { text: text() }),
        "print" => {
            let (count, prefix) = counted(rest)?;
            Some(Command::Print { count, prefix })
        }
        "lines-per-second" => {
            let (rate, count) = word(rest);
            let rate = rate.parse().ok().filter(|rate| *rate > 0)?;
            Some(Command::LinesPerSecond { rate, count: count.parse().ok()? })
        }
        "output" => Some(Command::Output { text: text() }),
        "stderr" => Some(Command::Stderr { text: text() }),
        "fill" => {
            let (path, rest) = word(rest);
            let (count, prefix) = counted(rest)?;
            Some(Command::Fill { path: only(path)?, count, prefix })
        }
        "artifact" => file(rest).map(|(path, text)| Command::Artifact { path, text }),
        "ask" => {
            let mut parts = rest.split('|').map(str::trim);
            let question = some(parts.next()?)?;
            let options = parts.filter(|option| !option.is_empty()).map(choice).collect();
            Some(Command::Ask { question, options })
        }
        "permit" => {
            let (tool, command) = word(rest);
            Some(Command::Permit { tool: only(tool)?, command: some(command)? })
        }
        "plan" => some(rest).map(|text| Command::Plan { text: unescape(&text) }),
        "usage" => usage(rest),
        "retry" => {
            let (attempt, rest) = word(rest);
            let (wait_ms, reason) = word(rest);
            let (attempt, wait_ms) = (attempt.parse().ok()?, wait_ms.parse().ok()?);
            Some(Command::Retry { attempt, wait_ms, reason: reason.to_owned() })
        }
        "limit" => {
            let (secs, reason) = word(rest);
            Some(Command::Limit { secs: secs.parse().ok()?, reason: reason.to_owned() })
        }
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

/// A number, and what the numbered lines begin with.
fn counted(text: &str) -> Option<(u64, String)> {
    let (count, prefix) = word(text);
    let prefix = if prefix.is_empty() { "line" } else { prefix };
    Some((count.parse().ok()?, prefix.to_owned()))
}

fn todos(rest: &str) -> Option<Command> {
    let item = |text: &str| {
        let (text, status) = match word(text) {
            ("x", text) => (text, "completed"),
            (">", text) => (text, "in_progress"),
            _ => (text, "pending"),
        };
        Todo { text: text.to_owned(), status: status.to_owned() }
    };
    let items: Vec<Todo> =
        rest.split('|').map(str::trim).filter(|text| !text.is_empty()).map(item).collect();
    (!items.is_empty()).then_some(Command::Todos { items })
}

fn tool(rest: &str) -> Option<Command> {
    let (tool, rest) = word(rest);
    let worked = rest.split_once(" => ").map(|parts| (true, parts));
    let (ok, (summary, output)) =
        worked.or_else(|| rest.split_once(" !> ").map(|parts| (false, parts)))?;
    let (tool, summary) = (tool.to_owned(), summary.trim().to_owned());
    Some(Command::Tool { tool, summary, ok, output: unescape(output) })
}

fn choice(option: &str) -> Choice {
    let (label, description) = option.split_once(" :: ").unwrap_or((option, ""));
    Choice { label: label.trim().to_owned(), description: description.trim().to_owned() }
}

fn usage(rest: &str) -> Option<Command> {
    let numbers: Option<Vec<u64>> =
        rest.split_whitespace().map(|number| number.parse().ok()).collect();
    match numbers?[..] {
        [input_tokens, output_tokens, cost] => Some(Command::Usage(Usage {
            input_tokens,
            output_tokens,
            cost_micros: Some(cost),
            ..Usage::default()
        })),
        _ => None,
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
            Some('r') => plain.push('\r'),
            Some('e') => plain.push('\u{1b}'),
            Some('\\') | None => plain.push('\\'),
            Some(other) => plain.extend(['\\', other]),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(label: &str, description: &str) -> Choice {
        Choice { label: label.to_owned(), description: description.to_owned() }
    }

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
                options: vec![named("Red", ""), named("Blue", "")],
            }),
        );
        check(
            "ask Which? | Red :: it is warm | Blue",
            Some(Command::Ask {
                question: "Which?".into(),
                options: vec![named("Red", "it is warm"), named("Blue", "")],
            }),
        );
        let todo = |text: &str, status: &str| Todo { text: text.into(), status: status.into() };
        check(
            "todos x Read it | > Write it | Test it",
            Some(Command::Todos {
                items: vec![
                    todo("Read it", "completed"),
                    todo("Write it", "in_progress"),
                    todo("Test it", "pending"),
                ],
            }),
        );
        check("todos", None);
        let tool = |ok: bool, output: &str| {
            let (tool, summary) = ("Read".to_owned(), "src/main.rs".to_owned());
            Some(Command::Tool { tool, summary, ok, output: output.to_owned() })
        };
        check(r"tool Read src/main.rs => a\nb", tool(true, "a\nb"));
        check("tool Read src/main.rs !> no such file", tool(false, "no such file"));
        check("tool up the project", None);
        check(
            "usage 1200 340 5600",
            Some(Command::Usage(Usage {
                input_tokens: 1200,
                output_tokens: 340,
                cost_micros: Some(5600),
                ..Usage::default()
            })),
        );
        check("usage of the library", None);
        check(
            "retry 2 1500 Overloaded",
            Some(Command::Retry { attempt: 2, wait_ms: 1500, reason: "Overloaded".into() }),
        );
        check("retry the tests", None);
        check(
            "limit 60 All used up",
            Some(Command::Limit { secs: 60, reason: "All used up".into() }),
        );
        check("limit the number of lines", None);
        check(
            "fill data/big.txt 3 row",
            Some(Command::Fill { path: "data/big.txt".into(), count: 3, prefix: "row".into() }),
        );
        check("fill in the blanks", None);
        check(
            r"output \e[31mred\e[0m",
            Some(Command::Output { text: "\u{1b}[31mred\u{1b}[0m".into() }),
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
