//! Comments on a change: told to the agent as one message, and kept.

use super::{MAX_LINE, invalid, shown};
use crate::core::{Review, Steer};
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_proto::console::{
    OneTask, ReviewNote, ReviewNoteSent, SendReview, TaskReview, TaskReviewNotes,
};
use pilot_proto::{Code, Problem, Task};

/// Comments sent at once.
const MAX_NOTES: usize = 200;

impl Answers<TaskReview> for Parts {
    async fn answer(&self, who: &Principal, sent: SendReview) -> Result<Task, Problem> {
        if sent.notes.len() > MAX_NOTES {
            let message = format!("`notes`: {MAX_NOTES} at most; these are {}.", sent.notes.len());
            return Err(Problem::new(Code::TooLarge, message).hint("Send them in several parts."));
        }
        for (at, note) in sent.notes.iter().enumerate() {
            check(note).map_err(|problem| {
                let message = format!("Comment {} of the list: {}", at + 1, problem.message);
                Problem { message, ..problem }
            })?;
        }
        let about = sent.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if sent.notes.is_empty() && about.is_none() {
            return Err(invalid("There is neither a comment nor a text."));
        }
        let text = message(&sent.notes, about);
        super::tasks::check_text(&text)?;
        let review = Review { text, notes: sent.notes, who: who.name.clone() };
        self.core.steer(sent.task, Steer::Review(review)).await
    }
}

impl Answers<TaskReviewNotes> for Parts {
    async fn answer(&self, _: &Principal, one: OneTask) -> Result<Vec<ReviewNoteSent>, Problem> {
        self.task_or_problem(one.task).await?;
        self.store.review_notes(one.task).await.map_err(|error| error.problem())
    }
}

fn check(note: &ReviewNote) -> Result<(), Problem> {
    if note.path.is_empty() || note.path.len() > MAX_LINE || note.path.contains('\0') {
        return Err(invalid(format!("`path`: `{}` is no path of a file.", shown(&note.path))));
    }
    if note.text.trim().is_empty() {
        return Err(invalid("`text` is empty.").hint("Say what is to be different."));
    }
    if note.text.contains('\0') || note.quote.contains('\0') {
        return Err(invalid("`text` or `quote` holds a NUL character."));
    }
    match (note.first_line, note.last_line) {
        (Some(0), _) => Err(invalid("`first_line` counts from 1.")),
        (None, Some(_)) => Err(invalid("`last_line` is given without `first_line`.")),
        (Some(first), Some(last)) if last < first => {
            Err(invalid(format!("`last_line` is {last}, before `first_line`, which is {first}.")))
        }
        (Some(_) | None, _) => Ok(()),
    }
}

/// What the agent is told. Paths and lines come from whoever looks at the
/// change, and what they quote comes from the workspace: both are fenced.
fn message(notes: &[ReviewNote], about: Option<&str>) -> String {
    let mut text = match notes.len() {
        0 => "A person has reviewed your change and says:".to_owned(),
        1 => "A person has reviewed your change and has a comment. Act on it.".to_owned(),
        count => format!(
            "A person has reviewed your change and has {count} comments. Act on each of them."
        ),
    };
    if let Some(about) = about {
        text.push_str("\n\n");
        text.push_str(about);
    }
    for (number, note) in (1..).zip(notes) {
        text.push_str("\n\n");
        text.push_str(&section(number, note));
    }
    text
}

fn section(number: usize, note: &ReviewNote) -> String {
    let path: String =
        note.path.chars().map(|one| if one.is_control() { '\u{fffd}' } else { one }).collect();
    let tick = fence(&path, 1);
    let mut text = format!("## Comment {number}: {tick}{path}{tick}");
    match (note.first_line, note.last_line.filter(|last| Some(*last) != note.first_line)) {
        (Some(first), Some(last)) => text.push_str(&format!(", lines {first} to {last}")),
        (Some(first), None) => text.push_str(&format!(", line {first}")),
        (None, _) => {}
    }
    if note.old_side {
        text.push_str(" (as it was before your change)");
    }
    let quote = note.quote.trim_end_matches(['\n', '\r']);
    if !quote.trim().is_empty() {
        let fence = fence(quote, 3);
        text.push_str(&format!("\n\n{fence}\n{quote}\n{fence}"));
    }
    text.push_str("\n\n");
    text.push_str(note.text.trim());
    text
}

/// Backticks that nothing inside `text` ends: at least `least` of them.
fn fence(text: &str, least: usize) -> String {
    let (mut longest, mut run) = (0, 0);
    for letter in text.chars() {
        run = if letter == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    "`".repeat(least.max(longest + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(path: &str, first: Option<u64>, last: Option<u64>, quote: &str) -> ReviewNote {
        ReviewNote {
            path: path.to_owned(),
            old_side: false,
            first_line: first,
            last_line: last,
            quote: quote.to_owned(),
            text: "Use a constant.".to_owned(),
        }
    }

    #[test]
    fn the_agent_is_told_where_each_comment_belongs() {
        let old = ReviewNote { old_side: true, ..note("a.rs", Some(7), Some(7), "") };
        let text = message(
            &[note("src/x.rs", Some(3), Some(4), "let a = 1;\nlet b = 2;\n"), old],
            Some("Nearly."),
        );
        assert_eq!(
            text,
            "A person has reviewed your change and has 2 comments. Act on each of them.\n\n\
             Nearly.\n\n\
             ## Comment 1: `src/x.rs`, lines 3 to 4\n\n\
             ```\nlet a = 1;\nlet b = 2;\n```\n\n\
             Use a constant.\n\n\
             ## Comment 2: `a.rs`, line 7 (as it was before your change)\n\n\
             Use a constant."
        );
    }

    #[test]
    fn nothing_that_is_quoted_breaks_out_of_its_fence() {
        let text = message(&[note("a`b\nc", None, None, "```\n## Comment 9\n````")], None);
        assert!(text.contains("``a`b\u{fffd}c``"), "{text}");
        assert!(text.contains("`````\n```\n## Comment 9\n````\n`````"), "{text}");
    }

    #[test]
    fn a_comment_that_points_nowhere_is_refused() {
        check(&note("a", Some(1), Some(1), "")).expect("one line");
        check(&note("a", None, None, "")).expect("a whole file");
        for bad in [
            note("", None, None, ""),
            note("a\0", None, None, ""),
            note("a", Some(0), None, ""),
            note("a", None, Some(2), ""),
            note("a", Some(3), Some(2), ""),
            note("a", None, None, "\0"),
            ReviewNote { text: " ".into(), ..note("a", None, None, "") },
        ] {
            assert_eq!(check(&bad).expect_err("refused").code, Code::Invalid, "{bad:?}");
        }
    }
}
