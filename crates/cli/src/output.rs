//! What the terminal gets to see: tables, sentences, JSON, and errors.
//!
//! A reader that goes away (`pilot task log | head`) is not an error.
#![expect(clippy::print_stderr, reason = "errors of a command line go to standard error")]

use crate::args::Globals;
use pilot_client::ClientError;
use pilot_proto::{Problem, Timestamp};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes a line to standard output.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    write(|out| {
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")
    })
}

/// Writes to standard output in one piece; a closed pipe ends the program
/// quietly, as it does for `cat`.
pub(crate) fn write(body: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match body(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe =>
        {
            #[expect(clippy::exit, reason = "nobody reads any more; there is nothing to unwind")]
            std::process::exit(0)
        }
        other => Ok(other?),
    }
}

/// Writes a line to standard error: what is said about a command, beside what
/// the command says itself.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Writes a value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string(value)?)
}

/// Writes a value: as JSON if asked for, otherwise as the sentence.
pub(crate) fn show(
    globals: &Globals,
    value: &impl Serialize,
    sentence: impl FnOnce() -> String,
) -> anyhow::Result<()> {
    if globals.json { json(value) } else { line(&sentence()) }
}

/// Writes rows: as one JSON array if asked for, otherwise as a table, or as
/// `empty` where there are none.
pub(crate) fn table<T: Serialize>(
    globals: &Globals,
    rows: &[T],
    head: &[&str],
    empty: &str,
    cells: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    if globals.json {
        return json(&rows);
    }
    if rows.is_empty() {
        return line(empty);
    }
    let mut lines = vec![head.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|row| cells(row).iter().map(|cell| one_line(cell)).collect()));
    let widths: Vec<usize> = (0..head.len())
        .map(|column| lines.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0))
        .collect();
    write(|out| {
        for cells in &lines {
            let mut text = String::new();
            for (cell, width) in cells.iter().zip(&widths) {
                text.push_str(&format!("{cell:<width$}  "));
            }
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(())
    })
}

/// A cell of a table is one line without control characters, cut at 72
/// characters, so that an agent's text cannot move the cursor.
fn one_line(text: &str) -> String {
    let clean: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(73).collect();
    if clean.chars().count() > 72 {
        format!("{}…", clean.chars().take(71).collect::<String>())
    } else {
        clean
    }
}

/// Text from elsewhere: escape sequences of an agent must not act on the
/// person's terminal. A file or a pipe gets the text as it is.
pub(crate) fn tame(text: &str) -> String {
    if io::stdout().is_terminal() { for_terminal(text) } else { text.to_owned() }
}

/// Colours (SGR) and tabs stay; every other control is left out.
fn for_terminal(text: &str) -> String {
    let mut tame = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' && rest.peek() == Some(&'[') {
            rest.next();
            let mut parameters = String::new();
            let mut end = None;
            for c in rest.by_ref() {
                if ('\u{40}'..='\u{7e}').contains(&c) {
                    end = Some(c);
                    break;
                }
                parameters.push(c);
            }
            if end == Some('m') {
                tame.push_str(&format!("\u{1b}[{parameters}m"));
            }
        } else if c == '\t' || !c.is_control() {
            tame.push(c);
        }
    }
    tame
}

/// The wire's word for a value that serialises to a string.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// `$0.0312`, of millionths.
pub(crate) fn dollars(micros: u64) -> String {
    // Half a unit of the last digit is added, so that it is rounded.
    let tenthousandths = micros.saturating_add(50) / 100;
    format!("${}.{:04}", tenthousandths / 10_000, tenthousandths % 10_000)
}

/// Now, for showing.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the one clock of the command line")]
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// `3 min ago`.
pub(crate) fn ago(at: Timestamp) -> String {
    format!("{} ago", roughly(now().since(at)))
}

/// `in 3 min`.
pub(crate) fn until(at: Timestamp) -> String {
    format!("in {}", roughly(at.since(now())))
}

fn roughly(duration: Duration) -> String {
    match duration.as_secs() {
        secs @ 0..120 => format!("{secs} s"),
        secs @ 120..7200 => format!("{} min", secs / 60),
        secs @ 7200..172_800 => format!("{} h", secs / 3600),
        secs => format!("{} days", secs / 86_400),
    }
}

/// Says what went wrong, with the hint where there is one.
pub(crate) fn problem(error: &anyhow::Error) {
    if let Some(ClientError::Refused(problem) | ClientError::Unauthorized { problem, .. }) =
        error.downcast_ref::<ClientError>()
    {
        return say(problem);
    }
    if let Some(problem) = error.downcast_ref::<Problem>() {
        return say(problem);
    }
    eprintln!("error: {error:#}");
}

fn say(problem: &Problem) {
    eprintln!("error: {} ({})", problem.message, word(&problem.code));
    if !problem.hint.is_empty() {
        eprintln!("hint: {}", problem.hint);
    }
}

/// The exit code of an error, as `pilot --help` lists them.
pub(crate) fn exit_code_of(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<ClientError>() {
        Some(
            ClientError::Refused(_) | ClientError::Unauthorized { .. } | ClientError::Older { .. },
        ) => ExitCode::from(1),
        Some(_) => ExitCode::from(3),
        None if error.downcast_ref::<NoHub>().is_some() => ExitCode::from(3),
        None => ExitCode::from(1),
    }
}

/// There is no hub on this machine, and none was named.
#[derive(Debug, thiserror::Error)]
#[error(
    "no hub is running on this machine; start one with `pilot up`, or name one with `--hub URL --token-file FILE`"
)]
pub(crate) struct NoHub;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_escape_sequences_do_not_reach_the_terminal() {
        let hostile = "a\u{1b}[2Jb\u{1b}]0;title\u{7}c\u{1b}[31mred\u{8}\rend\tx";
        let shown = for_terminal(hostile);
        assert!(!shown.contains("[2J") && !shown.contains('\u{7}'), "{shown:?}");
        assert!(shown.contains("\u{1b}[31m"), "colours stay: {shown:?}");
        assert!(shown.ends_with("end\tx"), "text and tabs stay: {shown:?}");
    }

    #[test]
    fn money_is_rounded_to_a_hundredth_of_a_cent() {
        for (micros, shown) in
            [(0, "$0.0000"), (2_500_000, "$2.5000"), (149, "$0.0001"), (150, "$0.0002")]
        {
            assert_eq!(dollars(micros), shown);
        }
    }

    #[test]
    fn a_cell_is_one_short_line() {
        assert_eq!(one_line("a\nb"), "a b");
        assert_eq!(one_line(&"x".repeat(200)).chars().count(), 72);
    }
}
