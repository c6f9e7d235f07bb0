//! Answers to what the agents ask.

use super::Core;
use super::access::ForProject;
use super::messages::Granted;
use super::turn::Turn;
use super::wishes::{Played, no_task};
use pilot_lifecycle::TaskEvent;
use pilot_proto::inbox::{Answered, Ask, Decider};
use pilot_proto::runner::Act;
use pilot_proto::{Answer, Code, InboxId, InboxItem, Problem, Timestamp};
use pilot_store::PendingOrder;
use std::time::Duration;

impl Core {
    pub(crate) async fn answer(
        &mut self,
        turn: &mut Turn,
        id: InboxId,
        answer: &Answer,
        who: &str,
    ) -> Played {
        let Some(item) = self.board.inbox.get(&id).cloned() else {
            let known = self.reach.store.inbox_item(id).await?;
            return Ok(Err(match known {
                Some(item) => gone(turn.now, &item),
                None => Problem::new(Code::NotFound, format!("There is no inbox item `{id}`."))
                    .hint("`pilot inbox` lists what needs you."),
            }));
        };
        let orders = self.board.orders.get(&item.run).into_iter().flatten();
        if let Some(problem) = orders.filter_map(|order| on_its_way(turn.now, id, order)).next() {
            return Ok(Err(problem));
        }
        if let Err(problem) = fits(&item.ask, answer) {
            return Ok(Err(problem));
        }
        if !self.board.summon(&self.reach.store, item.task).await? {
            return Ok(Err(no_task(item.task)));
        }
        // In the same commit as the answer, so that neither is lost.
        let more = match self.for_project(&item, answer) {
            Ok(more) => more,
            Err(problem) => return Ok(Err(problem)),
        };
        let event = TaskEvent::Answer { item: id, answer: answer.clone(), who: who.to_owned() };
        if let Err(problem) = self.feed(turn, item.task, event) {
            return Ok(Err(problem));
        }
        match more {
            Some(ForProject::Host(project, rule)) => {
                tracing::info!(who, project = project.name, rule, "a host was allowed");
                self.put_allowed(turn, &project, &[rule], Some(item.run));
            }
            Some(ForProject::Rules(project, rules)) => {
                tracing::info!(who, project = project.name, ?rules, "permission rules were added");
                self.put_rules(turn, &project, &rules, Some(item.run));
            }
            None => {}
        }
        Ok(Ok(Granted::Item(Box::new(item))))
    }
}

/// Somebody was faster, and the run has not said yet that it heard.
fn on_its_way(now: Timestamp, id: InboxId, order: &PendingOrder) -> Option<Problem> {
    match &order.act {
        Act::Answer { item, answer, who } if *item == id => {
            let when = ago(now.since(order.created_at));
            let message = format!("`{who}` {} {when}.", said(answer));
            Some(
                Problem::new(Code::Precondition, message)
                    .hint("The answer is on its way to the run."),
            )
        }
        Act::Answer { .. }
        | Act::Say { .. }
        | Act::Interrupt
        | Act::Steer { .. }
        | Act::Unsay { .. }
        | Act::Done
        | Act::TakeOver { .. }
        | Act::HandBack { .. }
        | Act::Stop
        | Act::Kill
        | Act::PermitPush { .. }
        | Act::Allow { .. }
        | Act::Child { .. }
        | Act::ChildIs { .. }
        | Act::Rules { .. }
        | Act::Unknown(_) => None,
    }
}

/// The item is closed: by whom, and when.
fn gone(now: Timestamp, item: &InboxItem) -> Problem {
    let message = match &item.answered {
        Some(Answered { answer, decider: Decider::Person { name }, at }) => {
            format!("`{name}` {} {}.", said(answer), ago(now.since(*at)))
        }
        Some(Answered { decider: Decider::Timeout, at, .. }) => {
            format!("Nobody answered in time; its default decided {}.", ago(now.since(*at)))
        }
        Some(Answered { decider: Decider::Policy, at, .. }) => {
            format!("This is no longer asked; it was closed {}.", ago(now.since(*at)))
        }
        None => "This is no longer asked.".to_owned(),
    };
    Problem::new(Code::Precondition, message).hint("`pilot inbox` lists what needs you.")
}

fn said(answer: &Answer) -> &'static str {
    match answer {
        Answer::Allow { .. } => "allowed this already,",
        Answer::Deny { .. } | Answer::Never { .. } => "denied this already,",
        Answer::Choose { .. } | Answer::Say { .. } => "answered this already,",
        Answer::End => "ended this already,",
    }
}

fn ago(time: Duration) -> String {
    let secs = time.as_secs();
    let (count, unit) = match secs {
        0..60 => (secs, "second"),
        60..3600 => (secs / 60, "minute"),
        3600..86_400 => (secs / 3600, "hour"),
        _ => (secs / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

/// An answer must be one to what was asked.
fn fits(ask: &Ask, answer: &Answer) -> Result<(), Problem> {
    let (fits, asked, hint) = match ask {
        Ask::Permission { .. } => (
            matches!(answer, Answer::Allow { .. } | Answer::Deny { .. } | Answer::Never { .. }),
            "a permission",
            "Allow it, once, for this run or for the project, or deny it with a reason.",
        ),
        Ask::Plan { .. } => (
            matches!(answer, Answer::Allow { .. } | Answer::Deny { .. }),
            "a plan",
            "Approve it (allow), or deny it and say what is to be different.",
        ),
        Ask::Question { questions } if questions.len() > 1 => (
            matches!(answer, Answer::Choose { .. }),
            "several questions",
            "Choose an answer to each of them.",
        ),
        Ask::Question { .. } => (
            matches!(answer, Answer::Choose { .. } | Answer::Say { .. }),
            "a question",
            "Choose one of its answers, or say it in your own words.",
        ),
        Ask::Interrupted => (
            matches!(answer, Answer::Say { .. } | Answer::End),
            "how to go on after an interrupt",
            "Say how to go on, or end the run.",
        ),
        Ask::Network { .. } => (
            matches!(answer, Answer::Allow { .. } | Answer::Deny { .. }),
            "a host that is not allowed",
            "Allow it, for this run or for the project, or deny it.",
        ),
        Ask::Budget { .. } => (
            matches!(answer, Answer::Allow { .. } | Answer::Deny { .. }),
            "a budget that is used up",
            "Allow as much again, or deny it: then the run ends.",
        ),
        Ask::HandsOn { .. } => (
            matches!(answer, Answer::End),
            "work that a person does",
            "Do it in the run's workspace, then say that it is done: `pilot task done`.",
        ),
        Ask::Feedback { .. } => (
            matches!(answer, Answer::Allow { .. } | Answer::Deny { .. } | Answer::Say { .. }),
            "what was said about a pull request",
            "Have the agent told (allow), also with a word of your own (say), or not (deny).",
        ),
        Ask::Ci { .. } => (
            matches!(answer, Answer::Allow { .. } | Answer::Deny { .. }),
            "whether the CI may run",
            "Let it run (allow), or leave it waiting (deny).",
        ),
        Ask::Unknown(_) => (true, "", ""),
    };
    if fits {
        return Ok(());
    }
    let kind = match answer {
        Answer::Allow { .. } => "allow",
        Answer::Deny { .. } => "deny",
        Answer::Never { .. } => "never",
        Answer::Choose { .. } => "choose",
        Answer::Say { .. } => "say",
        Answer::End => "end",
    };
    let message = format!("`{kind}` is no answer to {asked}; it still waits.");
    Err(Problem::new(Code::Invalid, message).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::inbox::Question;

    #[test]
    fn an_answer_that_does_not_fit_is_told_which_would() {
        let questions = |count: usize| Ask::Question {
            questions: (0..count)
                .map(|number| Question {
                    question: format!("which {number}?"),
                    header: String::new(),
                    options: Vec::new(),
                    multiple: false,
                })
                .collect(),
        };
        let permission = || Ask::Permission {
            tool: "Bash".into(),
            input: serde_json::Value::Null,
            summary: String::new(),
            commands: vec!["ls".into()],
            paths: Vec::new(),
        };
        let allow = || Answer::ALLOW;
        let deny = || Answer::Deny { reason: "no".into() };
        let say = || Answer::Say { text: "that one".into() };
        let choose = || Answer::Choose { answers: Default::default() };
        let check = |ask: Ask, good: Vec<Answer>, bad: Vec<Answer>| {
            for answer in good {
                fits(&ask, &answer).unwrap_or_else(|problem| panic!("{ask:?}: {problem}"));
            }
            for answer in bad {
                let problem = fits(&ask, &answer).expect_err("it does not fit");
                assert_eq!(problem.code, Code::Invalid, "{ask:?} {answer:?}");
                assert!(!problem.hint.is_empty(), "{ask:?} {answer:?}");
            }
        };
        let never = || Answer::Never { reason: String::new(), rule: None };
        check(permission(), vec![allow(), deny(), never()], vec![say(), choose(), Answer::End]);
        check(
            Ask::Plan { plan: "p".into() },
            vec![allow(), deny()],
            vec![say(), never(), Answer::End],
        );
        check(questions(1), vec![say(), choose()], vec![allow(), deny(), Answer::End]);
        check(questions(2), vec![choose()], vec![say(), allow(), deny()]);
        let host = "example.org".to_owned();
        let because = "no rule allows it".to_owned();
        let network = Ask::Network { host, port: 443, process: None, because };
        check(network, vec![allow(), deny()], vec![say(), choose(), Answer::End]);
        let budget = Ask::Budget { spent_micros: 2, budget_micros: 1 };
        check(budget, vec![allow(), deny()], vec![say(), choose(), Answer::End]);
        check(Ask::Interrupted, vec![say(), Answer::End], vec![allow(), deny(), choose()]);
    }

    #[test]
    fn times_are_told_in_the_largest_unit_that_fits() {
        for (secs, expected) in [
            (0, "0 seconds ago"),
            (1, "1 second ago"),
            (60, "1 minute ago"),
            (7300, "2 hours ago"),
            (200_000, "2 days ago"),
        ] {
            assert_eq!(ago(Duration::from_secs(secs)), expected);
        }
    }
}
