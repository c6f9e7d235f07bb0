//! The log: the journal folded to lines of text, the way a person reads it.
//!
//! **Invariant:** [`line_count`] is the length of [`lines`]; the hub's line
//! index and every reader stand on that.

use crate::event::{Event, Stream};
use crate::network::NetworkDecision;
use crate::screen::{HandBackCause, ScreenEvent};

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine<'a> {
    /// Where it came from.
    pub stream: Stream,
    /// The line, without its end.
    pub text: std::borrow::Cow<'a, str>,
}

/// How many lines an event adds to the log.
pub fn line_count(event: &Event) -> u64 {
    match event {
        // The hot path: no allocation for output.
        Event::Output { stream, text, .. } => match stream {
            Stream::Protocol => 0,
            Stream::Pilot | Stream::Setup | Stream::Stdout | Stream::Stderr | Stream::Unknown => {
                text.bytes().filter(|byte| *byte == b'\n').count() as u64 + 1
            }
        },
        other => lines(other).len() as u64,
    }
}

/// The lines an event adds to the log.
pub fn lines(event: &Event) -> Vec<LogLine<'_>> {
    fn pilot(text: &str) -> Vec<LogLine<'static>> {
        text.split('\n')
            .map(|line| LogLine { stream: Stream::Pilot, text: line.to_owned().into() })
            .collect()
    }
    fn agent(text: &str) -> Vec<LogLine<'_>> {
        text.split('\n').map(|line| LogLine { stream: Stream::Stdout, text: line.into() }).collect()
    }
    match event {
        Event::Output { stream: Stream::Protocol, .. } => Vec::new(),
        Event::Output { stream, text, .. } => {
            text.split('\n').map(|line| LogLine { stream: *stream, text: line.into() }).collect()
        }
        Event::Text { text, .. } => agent(text),
        Event::TurnStarted { turn, prompt } => pilot(&format!("> turn {turn}: {prompt}")),
        Event::Steered { text } => pilot(&format!("> meanwhile: {text}")),
        Event::ToolStarted { tool, summary, .. } => pilot(&format!("* {tool} {summary}")),
        Event::ToolEnded { ok: false, output, .. } => pilot(&format!("! refused: {output}")),
        Event::Asked { ask, .. } => pilot(&format!("? needs you: {}", word(ask.need()))),
        Event::Screen(event) => screen(event).map_or_else(Vec::new, |line| pilot(&line)),
        Event::Reported { text } => pilot(&format!("* says it is: {text}")),
        Event::ChildWanted { child, .. } => {
            let first = child.title.as_deref().or_else(|| child.prompt.lines().next());
            pilot(&format!("+ wants a task: {}", first.unwrap_or_default()))
        }
        Event::ChildDecided { task: Some(task), .. } => pilot(&format!("+ filed as {task}")),
        Event::ChildDecided { problem, .. } => {
            let why = problem.as_ref().map_or("", |problem| problem.message.as_str());
            pilot(&format!("! not filed: {why}"))
        }
        Event::Retrying { attempt, wait_ms, reason } => {
            pilot(&format!("~ try {attempt} failed, next in {wait_ms} ms: {reason}"))
        }
        Event::LimitHit { reason, .. } => pilot(&format!("~ limit: {reason}")),
        Event::ReviewStarted { round, agent, .. } => {
            pilot(&format!("> review {round}: by {agent}"))
        }
        Event::Reviewed { problem: Some(problem), .. } => {
            pilot(&format!("! review: {}", problem.message))
        }
        Event::Reviewed { findings, .. } if findings.is_empty() => pilot("* review: no findings"),
        Event::Reviewed { findings, .. } => {
            findings.iter().flat_map(|finding| pilot(&found(finding))).collect()
        }
        Event::Rebased { base, onto, .. } => {
            pilot(&format!("* put on top of `{base}`, which is at {onto} now"))
        }
        Event::Network(decision) if !decision.allowed => {
            let NetworkDecision { host, port, because, .. } = decision;
            pilot(&format!("! network: {host}:{port} was refused: {because}"))
        }
        Event::Phase { .. }
        | Event::SessionStarted { .. }
        | Event::SessionSaved { .. }
        | Event::Thinking { .. }
        | Event::ToolOutput { .. }
        | Event::ToolEnded { .. }
        | Event::Todos { .. }
        | Event::Decided { .. }
        | Event::Withdrawn { .. }
        | Event::Activity { .. }
        | Event::TurnEnded { .. }
        | Event::Resumes { .. }
        | Event::AgentExited { .. }
        | Event::Checkpoint(_)
        | Event::Snapshot(_)
        | Event::Walls(_)
        | Event::Network(_)
        | Event::NetworkEnded(_)
        | Event::NetworkLost { .. }
        | Event::ModelCalled(_)
        | Event::RemoteControl { .. }
        | Event::LoginRenewed { .. }
        | Event::OrderDone { .. }
        | Event::PushWanted { .. }
        | Event::Pushed { .. }
        | Event::Artifact { .. }
        | Event::Rescued { .. }
        | Event::Cleaned { .. }
        | Event::Finished(_)
        | Event::Unknown(_) => Vec::new(),
    }
}

fn screen(event: &ScreenEvent) -> Option<String> {
    match event {
        ScreenEvent::Started { width, height, attached } => {
            let whose = attached.as_ref().map(|server| format!(", {server}'s")).unwrap_or_default();
            Some(format!("* the screen stands{whose}: {width} × {height}"))
        }
        ScreenEvent::Ended { why } => Some(format!("* the screen is gone: {why}")),
        ScreenEvent::TakenOver { who } => Some(format!("* {who} drives the screen")),
        ScreenEvent::HandedBack { who, cause, note } => {
            let how = match cause {
                HandBackCause::Asked => "handed the screen back",
                HandBackCause::Silence => "was silent for long: the screen is the agent's again",
                HandBackCause::RunOver => "drives no more: the work is over",
                HandBackCause::Unknown => "drives no more",
            };
            let note = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
            Some(format!("* {who} {how}{note}"))
        }
        ScreenEvent::RecordingBegan { .. }
        | ScreenEvent::RecordingEnded { .. }
        | ScreenEvent::Unknown(_) => None,
    }
}

fn found(finding: &crate::review::ReviewFinding) -> String {
    let line = finding.first_line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("* review: {}{line} {}", finding.path, finding.text)
}

fn word(need: crate::inbox::Need) -> &'static str {
    use crate::inbox::Need;
    match need {
        Need::Question => "a question",
        Need::Permission => "a permission",
        Need::Plan => "a plan to approve",
        Need::Interrupted => "interrupted, waiting for a word",
        Need::Quota => "the quota or the budget is used up",
        Need::HandsOn => "a person does the work",
        Need::Feedback => "something was said about its pull request",
        Need::Ci => "its CI waits to be let run",
        Need::Takeover => "a person drives",
        Need::Network => "a host that is not allowed",
        Need::Unknown => "something this version does not know",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_lines_is_the_number_of_lines() {
        let events = [
            Event::Output { stream: Stream::Stdout, text: "a\n\nb".into(), open: false },
            Event::Output { stream: Stream::Protocol, text: "{}\n{}".into(), open: false },
            Event::Output { stream: Stream::Setup, text: String::new(), open: false },
            Event::Text { text: "x\ny".into(), parent: None, open: false },
            Event::TurnStarted { turn: 1, prompt: "two\nlines".into() },
            Event::Cleaned { left: vec![] },
        ];
        for event in events {
            assert_eq!(line_count(&event), lines(&event).len() as u64, "{event:?}");
        }
    }
}
