//! `pilot task review`.

use super::{find, told};
use crate::args::{Globals, TaskReview};
use crate::commands::Done;
use crate::output;
use pilot_client::Client;
use pilot_proto::console::{
    OneTask, ReviewNote, ReviewNoteSent, SendReview, TaskReview as Send, TaskReviewNotes,
};
use pilot_proto::{Code, Problem};

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    arguments: TaskReview,
) -> anyhow::Result<Done> {
    let task = find(hub, &arguments.task).await?;
    if arguments.list {
        let notes = hub.call::<TaskReviewNotes>(OneTask { task }).await?;
        let head = ["WHERE", "COMMENT", "BY", "SENT"];
        output::table(globals, &notes, &head, "no comments", |sent| {
            vec![place(sent), sent.note.text.clone(), sent.by.clone(), output::ago(sent.at)]
        })?;
        return Ok(Done::Well);
    }
    let notes = arguments.note.iter().map(|words| note(words)).collect::<Result<_, _>>()?;
    let review = SendReview { task, notes, text: arguments.text };
    told(globals, &hub.call::<Send>(review).await?)
}

fn place(sent: &ReviewNoteSent) -> String {
    let path = &sent.note.path;
    match (sent.note.first_line, sent.note.last_line) {
        (Some(first), Some(last)) => format!("{path}:{first}-{last}"),
        (Some(first), None) => format!("{path}:{first}"),
        (None, _) => path.clone(),
    }
}

/// `PATH=TEXT`, `PATH:LINE=TEXT` or `PATH:FIRST-LAST=TEXT`. A path may hold
/// colons: only what is numbers to its end is taken for lines.
fn note(words: &str) -> Result<ReviewNote, Problem> {
    let Some((place, text)) = words.split_once('=') else {
        return Err(Problem::new(Code::Invalid, format!("`{words}` is no comment"))
            .hint("say PATH=TEXT, PATH:LINE=TEXT or PATH:FIRST-LAST=TEXT"));
    };
    let lines = place.rsplit_once(':').and_then(|(path, lines)| {
        let (first, last) = match lines.split_once('-') {
            Some((first, last)) => (first, Some(last)),
            None => (lines, None),
        };
        let last = last.map(str::parse).transpose().ok()?;
        Some((path, first.parse().ok()?, last))
    });
    let (path, first_line, last_line) = match lines {
        Some((path, first, last)) => (path, Some(first), last),
        None => (place, None, None),
    };
    Ok(ReviewNote {
        path: path.to_owned(),
        old_side: false,
        first_line,
        last_line,
        quote: String::new(),
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_says_where_it_belongs() {
        for (words, path, first, last, text) in [
            ("a.rs=mend it", "a.rs", None, None, "mend it"),
            ("a.rs:3=a=b", "a.rs", Some(3), None, "a=b"),
            ("src/a.rs:3-7=x", "src/a.rs", Some(3), Some(7), "x"),
            ("a:b=x", "a:b", None, None, "x"),
            ("a:b:4=x", "a:b", Some(4), None, "x"),
            ("a:3-b=x", "a:3-b", None, None, "x"),
        ] {
            let note = note(words).expect("it is one");
            let seen = (note.path.as_str(), note.first_line, note.last_line, note.text.as_str());
            assert_eq!(seen, (path, first, last, text), "{words}");
        }
        assert_eq!(note("a.rs:3").expect_err("it says nothing").code, Code::Invalid);
    }
}
