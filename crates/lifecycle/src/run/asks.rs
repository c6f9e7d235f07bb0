//! What the agent asks, who decides it, and what happens when nobody does.

use super::agent::Stage;
use super::machine::{Doing, RunMachine};
use super::words::RunEffect;
use pilot_proto::event::Event;
use pilot_proto::inbox::{Answer, Ask, Decider};
use pilot_proto::run::{Outcome, Phase};
use pilot_proto::task::{Mode, OnTimeout};
use pilot_proto::{Code, InboxId, Problem, RunId, Timestamp};
use std::time::Duration;
use uuid::Uuid;

/// An ask without an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Waiting {
    pub(super) item: InboxId,
    /// The driver's name for it; none: the machine itself asks.
    pub(super) key: Option<String>,
    pub(super) ask: Ask,
    pub(super) deadline: Option<Timestamp>,
}

/// The id of a run's `number`th inbox item. Computed, so that the machine
/// needs no source of ids: the run's own 74 random bits, moved on by an odd
/// constant that no two runs of one hub differ by.
fn item_id(run: RunId, number: u64) -> InboxId {
    const STEP: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    InboxId(Uuid::from_u128(run.0.as_u128() ^ STEP.wrapping_mul(u128::from(number))))
}

impl RunMachine {
    pub(super) fn agent_asked(&mut self, now: Timestamp, key: String, ask: Ask) {
        // An agent on its way out cannot be answered.
        if self.doing != Doing::Agent || self.agent.stage != Stage::Working {
            return;
        }
        self.agent_alive(now);
        if self.allowed_by_policy(&ask) {
            let item = self.next_item();
            self.journal_ask(item, &ask, None);
            self.journal_decision(item, Answer::ALLOW, Decider::Policy);
            let answer = Answer::ALLOW;
            self.out.push(RunEffect::AnswerAgent { key, ask, answer });
        } else {
            self.put_ask(now, Some(key), ask);
        }
    }

    /// Puts an ask into the inbox.
    pub(super) fn put_ask(&mut self, now: Timestamp, key: Option<String>, ask: Ask) {
        let deadline = match self.spec.on_timeout {
            OnTimeout::Pause => None,
            OnTimeout::Proceed | OnTimeout::Cancel => {
                Some(now.after(Duration::from_secs(self.spec.limits.answer_secs)))
            }
        };
        let item = self.next_item();
        self.journal_ask(item, &ask, deadline);
        self.agent.waiting.push(Waiting { item, key, ask, deadline });
        self.agent.pause_clock(now);
        self.enter(Phase::AwaitingAnswer);
    }

    pub(super) fn next_item(&mut self) -> InboxId {
        self.agent.asked += 1;
        item_id(self.spec.run, self.agent.asked)
    }

    pub(super) fn journal_ask(&mut self, item: InboxId, ask: &Ask, deadline: Option<Timestamp>) {
        let (ask, on_timeout) = (ask.clone(), self.spec.on_timeout);
        self.journal(Event::Asked { item, ask, deadline, on_timeout });
    }

    pub(super) fn journal_decision(&mut self, item: InboxId, answer: Answer, decider: Decider) {
        self.journal(Event::Decided { item, answer, decider });
    }

    fn allowed_by_policy(&self, ask: &Ask) -> bool {
        match ask {
            Ask::Permission { tool, .. } => {
                self.spec.mode == Mode::Auto || self.agent.allowed.contains(tool)
            }
            Ask::Plan { .. } => self.spec.mode == Mode::Auto,
            // Also in `auto`: only a person knows what a person wants.
            Ask::Question { .. }
            | Ask::Interrupted
            | Ask::Network { .. }
            | Ask::Budget { .. }
            | Ask::Unknown(_) => false,
        }
    }

    /// A person's answer. It is refused if the item is gone or it does not fit.
    pub(super) fn person_answers(
        &mut self,
        now: Timestamp,
        item: InboxId,
        answer: Answer,
        who: String,
    ) -> Result<(), Problem> {
        if let Some(done) = self.person_answers_gate(item, &answer, &who) {
            return done;
        }
        let waiting = self.agent.waiting.iter().find(|waiting| waiting.item == item);
        let Some(waiting) = waiting else {
            return Err(Problem::new(
                Code::Precondition,
                "This is no longer asked: it was decided or withdrawn before the answer came.",
            ));
        };
        if !fits(&waiting.ask, &answer) {
            return Err(does_not_fit());
        }
        self.settle(now, item, answer, Decider::Person { name: who });
        Ok(())
    }

    fn settle(&mut self, now: Timestamp, item: InboxId, answer: Answer, decider: Decider) {
        let Some(at) = self.agent.waiting.iter().position(|waiting| waiting.item == item) else {
            return;
        };
        let Waiting { key, ask, .. } = self.agent.waiting.remove(at);
        self.journal_decision(item, answer.clone(), decider);
        if self.agent.waiting.is_empty() {
            self.enter(Phase::AgentRunning);
            self.agent.resume_clock(now);
        }
        self.remember(&ask, &answer);
        let for_run = matches!(&answer, Answer::Allow { for_run: true, .. });
        match key {
            Some(key) => self.out.push(RunEffect::AnswerAgent { key, ask, answer }),
            None => self.go_on(now, &ask, answer),
        }
        if for_run {
            self.settle_by_policy(now);
        }
    }

    fn remember(&mut self, ask: &Ask, answer: &Answer) {
        if let Ask::Permission { tool, .. } = ask {
            match answer {
                Answer::Allow { for_run: true, .. } => {
                    self.agent.allowed.insert(tool.clone());
                }
                Answer::Deny { .. } => self.agent.denials_seen += 1,
                Answer::Allow { .. } | Answer::Choose { .. } | Answer::Say { .. } | Answer::End => {
                }
            }
        }
    }

    /// After an interrupt, or when the budget was used up.
    fn go_on(&mut self, now: Timestamp, ask: &Ask, answer: Answer) {
        if let Ask::Budget { spent_micros, budget_micros } = ask {
            return self.budget_decided(now, *spent_micros, *budget_micros, &answer);
        }
        match answer {
            Answer::Say { text } => self.tell(now, text),
            Answer::End | Answer::Allow { .. } | Answer::Deny { .. } | Answer::Choose { .. } => {
                self.end_agent(now);
            }
        }
    }

    /// What was just allowed for the run is allowed where it is asked already.
    fn settle_by_policy(&mut self, now: Timestamp) {
        let allowed: Vec<InboxId> = self
            .agent
            .waiting
            .iter()
            .filter(|waiting| self.allowed_by_policy(&waiting.ask))
            .map(|waiting| waiting.item)
            .collect();
        for item in allowed {
            self.settle(now, item, Answer::ALLOW, Decider::Policy);
        }
    }

    pub(super) fn decide_overdue_asks(&mut self, now: Timestamp) {
        let overdue: Vec<(InboxId, Ask)> = self
            .agent
            .waiting
            .iter()
            .filter(|waiting| waiting.deadline.is_some_and(|deadline| now >= deadline))
            .map(|waiting| (waiting.item, waiting.ask.clone()))
            .collect();
        if !overdue.is_empty() && self.spec.on_timeout == OnTimeout::Cancel {
            let problem = Problem::new(
                Code::Unanswered,
                "Nobody answered in time, and the task says to cancel then; its work was rescued.",
            )
            .hint("`pilot task resume` goes on where it was.");
            return self.end_as(now, Outcome::Failed { problem });
        }
        for (item, ask) in overdue {
            self.settle(now, item, unanswered(&ask), Decider::Timeout);
        }
    }

    pub(super) fn agent_withdrew(&mut self, now: Timestamp, key: &str) {
        let gone = |waiting: &Waiting| waiting.key.as_deref() == Some(key);
        self.withdraw(now, gone);
    }

    pub(super) fn withdraw_all(&mut self, now: Timestamp) {
        self.withdraw(now, |_| true);
    }

    /// What a person says while the machine waits after an interrupt is the
    /// answer. True if it waited.
    pub(super) fn withdraw_interrupted(&mut self, now: Timestamp) -> bool {
        let interrupted = |waiting: &Waiting| waiting.ask == Ask::Interrupted;
        let waits = self.agent.waiting.iter().any(interrupted);
        self.withdraw(now, interrupted);
        waits
    }

    fn withdraw(&mut self, now: Timestamp, gone: impl Fn(&Waiting) -> bool) {
        let items: Vec<InboxId> = self
            .agent
            .waiting
            .iter()
            .filter(|waiting| gone(waiting))
            .map(|waiting| waiting.item)
            .collect();
        if items.is_empty() {
            return;
        }
        for item in items {
            self.journal(Event::Withdrawn { item });
        }
        self.agent.waiting.retain(|waiting| !gone(waiting));
        if self.agent.waiting.is_empty() && self.agent.stage == Stage::Working {
            self.enter(Phase::AgentRunning);
            if self.agent.in_turn {
                self.agent.resume_clock(now);
            }
        }
    }
}

/// For a person whose answer is of the wrong kind.
pub(super) fn does_not_fit() -> Problem {
    Problem::new(Code::Invalid, "This kind of answer does not fit what is asked; it still waits.")
}

/// Whether `answer` is one to `ask`. What is asked by a newer agent than this
/// build knows may still be refused.
fn fits(ask: &Ask, answer: &Answer) -> bool {
    match ask {
        Ask::Permission { .. }
        | Ask::Plan { .. }
        | Ask::Network { .. }
        | Ask::Budget { .. }
        | Ask::Unknown(_) => {
            matches!(answer, Answer::Allow { .. } | Answer::Deny { .. })
        }
        Ask::Question { questions } => match answer {
            Answer::Choose { .. } | Answer::Deny { .. } => true,
            Answer::Say { .. } => questions.len() == 1,
            Answer::Allow { .. } | Answer::End => false,
        },
        Ask::Interrupted => matches!(answer, Answer::Say { .. } | Answer::End),
    }
}

/// What `proceed` says when nobody has answered.
fn unanswered(ask: &Ask) -> Answer {
    let deny = |reason: &str| Answer::Deny { reason: reason.to_owned() };
    match ask {
        Ask::Question { .. } => deny("Nobody answered in time: decide yourself and go on."),
        Ask::Permission { .. } | Ask::Unknown(_) => {
            deny("Nobody answered in time, so this is not allowed: go on without it.")
        }
        Ask::Plan { .. } => Answer::ALLOW,
        Ask::Network { .. } => deny("Nobody allowed it in time."),
        Ask::Budget { .. } => deny("Nobody raised the budget in time."),
        Ask::Interrupted => Answer::End,
    }
}
