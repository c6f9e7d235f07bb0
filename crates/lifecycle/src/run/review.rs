//! The review: a second agent looks at the work before it is published.
//!
//! Its findings go back to the first agent as its next turn, at most as often
//! as the task says. **Invariant:** whatever becomes of a review, the work goes
//! on to where it would have gone without one; a review that came to nothing is
//! journalled with the reason.

use super::deadlines::{REVIEW, STOP_AGENT, overdue};
use super::machine::{Doing, RunMachine};
use super::words::{RunEffect, Step};
use pilot_proto::event::{Event, TurnEnd};
use pilot_proto::review::ReviewFinding;
use pilot_proto::run::{Phase, Usage};
use pilot_proto::task::ReviewPass;
use pilot_proto::{Code, Problem, Timestamp};
use serde::Deserialize;

/// Findings of one review that are taken. An agent that is told more does none
/// of them well.
pub const MOST_FINDINGS: usize = 50;
/// Characters of one finding.
const MOST_TEXT: usize = 4000;

/// What a reviewing agent is told. `task` is what the first one was asked to
/// do, and `base` the commit that its work is measured against.
pub fn prompt(task: &str, base: &str) -> String {
    format!(
        "Review the work that another coding agent has done in this directory. You are the \
         reviewer: change no file, commit nothing, push nothing. Whatever you change is undone.\n\n\
         Its task was:\n\n<task>\n{task}\n</task>\n\n\
         The change is everything since the commit {base}: `git diff {base}` shows it, and `git \
         status --short` the files that are new. Read what surrounds the change as far as you \
         need to, and run the tests if that is quick.\n\n\
         Look for mistakes: what does not do what the task asks for, what breaks, what is unsafe, \
         what has no test and should. Leave out praise and matters of taste.\n\n\
         End with exactly one fenced block of JSON of this form, and nothing after it:\n\n\
         ```json\n{{\"findings\": [{{\"path\": \"src/a.rs\", \"first_line\": 10, \"last_line\": 12, \
         \"severity\": \"high\", \"text\": \"What is wrong, and what to do.\"}}]}}\n```\n\n\
         `severity` is `high`, `medium` or `low`; the lines are those of the file as it is now. \
         With nothing to find: {{\"findings\": []}}."
    )
}

/// What the first agent is told of the findings.
fn told(reviewer: &str, findings: &[ReviewFinding]) -> String {
    let mut text = format!(
        "Another agent (`{reviewer}`) has reviewed your work before it is published. Look at each \
         of its findings: mend what is right, and say why where one is wrong.\n"
    );
    for (at, finding) in findings.iter().enumerate() {
        let place = place(finding);
        let severity = match finding.severity {
            pilot_proto::review::Severity::High => "high",
            pilot_proto::review::Severity::Medium | pilot_proto::review::Severity::Unknown => {
                "medium"
            }
            pilot_proto::review::Severity::Low => "low",
        };
        text.push_str(&format!("\n{}. {place} ({severity}): {}\n", at + 1, finding.text.trim()));
    }
    text
}

fn place(finding: &ReviewFinding) -> String {
    let ReviewFinding { path, first_line, last_line, .. } = finding;
    match (path.as_str(), first_line, last_line) {
        ("", ..) => "The whole".to_owned(),
        (path, None, _) => format!("`{path}`"),
        (path, Some(first), Some(last)) if last > first => {
            format!("`{path}`, lines {first}-{last}")
        }
        (path, Some(first), _) => format!("`{path}`, line {first}"),
    }
}

#[derive(Deserialize)]
struct Said {
    findings: Vec<ReviewFinding>,
}

/// The findings in what a reviewer said last: its last fenced block of JSON, or
/// else the whole.
///
/// # Errors
/// In words, why there are none to read.
pub fn findings(said: &str) -> Result<Vec<ReviewFinding>, String> {
    let json = last_fenced(said).unwrap_or(said).trim();
    if json.is_empty() {
        return Err("it said nothing".to_owned());
    }
    let read: Said = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mut findings = read.findings;
    findings.retain(|finding| !finding.text.trim().is_empty());
    findings.truncate(MOST_FINDINGS);
    for finding in &mut findings {
        if let Some((end, _)) = finding.text.char_indices().nth(MOST_TEXT) {
            finding.text.truncate(end);
        }
        let path = finding.path.trim().trim_start_matches("./");
        finding.path = path.to_owned();
        finding.first_line = finding.first_line.filter(|line| *line > 0);
        finding.last_line = finding.last_line.filter(|line| Some(*line) >= finding.first_line);
    }
    Ok(findings)
}

/// What stands in the last block that is fenced by three backticks.
fn last_fenced(text: &str) -> Option<&str> {
    let end = text.rfind("```")?;
    let begin = text[..end].rfind("```")? + 3;
    let inner = &text[begin..end];
    // Behind the fence stands a language, or nothing.
    Some(inner.split_once('\n').map_or(inner, |(_, rest)| rest))
}

impl RunMachine {
    /// The agent has ended: is anybody to look at its work?
    pub(super) fn review_or_collect(&mut self, now: Timestamp) {
        let Some(pass) = self.next_review() else { return self.collect(now) };
        self.reviews += 1;
        let round = self.reviews;
        self.enter(Phase::Reviewing);
        self.journal(Event::ReviewStarted { round, agent: pass.agent, model: pass.model });
        self.doing = Doing::Review { round, until: now.after(REVIEW), stopping: false };
        self.out.push(RunEffect::Review { round });
    }

    /// Who looks at the work now; none: nobody, or not any more.
    fn next_review(&self) -> Option<ReviewPass> {
        let pass = self.reviewer()?;
        let well = match self.agent.last_end? {
            TurnEnd::Completed | TurnEnd::Interrupted | TurnEnd::Unknown => true,
            TurnEnd::Error | TurnEnd::Exited => false,
        };
        let rounds = pass.rounds.clamp(1, ReviewPass::MAX_ROUNDS);
        (well && self.ending.is_none() && self.reviews < rounds).then_some(pass)
    }

    fn reviewer(&self) -> Option<ReviewPass> {
        self.spec.review.as_ref().map(|reviewer| reviewer.pass.clone())
    }

    pub(super) fn reviewed(
        &mut self,
        now: Timestamp,
        round: u32,
        said: Result<Option<String>, Problem>,
        usage: Usage,
    ) {
        if !matches!(self.doing, Doing::Review { round: current, .. } if current == round) {
            return;
        }
        let agent = self.reviewer().map(|pass| pass.agent).unwrap_or_default();
        let (findings, problem) = match said {
            // There is nothing to be published either.
            Ok(None) => (Vec::new(), None),
            Ok(Some(text)) => match findings(&text) {
                Ok(findings) => (findings, None),
                Err(why) => (Vec::new(), Some(unreadable(&agent, &why))),
            },
            Err(problem) => (Vec::new(), Some(problem)),
        };
        self.journal(Event::Reviewed {
            round,
            agent: agent.clone(),
            findings: findings.clone(),
            problem,
            usage,
        });
        if self.ending.is_some() {
            self.collect(now);
        } else if !findings.is_empty() {
            self.start_again(now, told(&agent, &findings));
        } else if let Some((order, text)) = self.agent.follow_ups.pop_front() {
            self.start_again(now, text);
            self.order_done(order, None);
        } else {
            self.collect(now);
        }
    }

    pub(super) fn stop_review(&mut self, now: Timestamp, round: u32) {
        self.doing = Doing::Review { round, until: now.after(STOP_AGENT), stopping: true };
        self.out.push(RunEffect::StopReview);
    }

    pub(super) fn review_overdue(&mut self, now: Timestamp, round: u32, stopping: bool) {
        if stopping {
            // What still lives is killed by the wipe at the latest.
            self.reviewed(now, round, Err(overdue(Step::Review)), Usage::default());
        } else {
            self.stop_review(now, round);
        }
    }
}

fn unreadable(agent: &str, why: &str) -> Problem {
    Problem::new(
        Code::AgentFailed,
        format!("What `{agent}` said at the end of its review is no list of findings: {why}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::review::Severity;

    #[test]
    fn findings_are_read_leniently_and_bounded() {
        let said = "I looked.\n\n```rust\nfn a() {}\n```\nSo:\n```json\n{\"findings\": [\
            {\"path\": \"./a.rs\", \"first_line\": 3, \"last_line\": 2, \"severity\": \"high\", \"text\": \"x\"},\
            {\"path\": \"b.rs\", \"severity\": \"dreadful\", \"text\": \"y\", \"more\": 1},\
            {\"text\": \" \"}]}\n```\n";
        let found = findings(said).expect("it is of the form");
        assert_eq!(found.len(), 2, "an empty one is none: {found:?}");
        assert_eq!(
            (found[0].path.as_str(), found[0].first_line, found[0].last_line),
            ("a.rs", Some(3), None)
        );
        assert_eq!((found[0].severity, found[1].severity), (Severity::High, Severity::Unknown));
        assert_eq!(findings("{\"findings\": []}"), Ok(Vec::new()), "without a fence too");
        for text in
            ["", "All is well.", "```json\n{\"findings\": 3}\n```", "```json\n{\"findings\": ["]
        {
            assert!(findings(text).is_err(), "{text}");
        }
        let many: Vec<String> = (0..500).map(|_| "{\"text\": \"z\"}".to_owned()).collect();
        let many = format!("{{\"findings\": [{}]}}", many.join(","));
        assert_eq!(findings(&many).map(|found| found.len()), Ok(MOST_FINDINGS));
    }

    #[test]
    fn the_first_agent_is_told_where_each_finding_is() {
        let finding = |path: &str, first_line, last_line| ReviewFinding {
            path: path.to_owned(),
            first_line,
            last_line,
            severity: Severity::Low,
            text: "It is wrong.".to_owned(),
        };
        let told = told(
            "codex",
            &[
                finding("", None, None),
                finding("a", None, None),
                finding("a", Some(1), None),
                finding("a", Some(1), Some(4)),
            ],
        );
        for place in ["1. The whole (low)", "2. `a` (low)", "3. `a`, line 1", "4. `a`, lines 1-4"] {
            assert!(told.contains(place), "{place}: {told}");
        }
    }
}
