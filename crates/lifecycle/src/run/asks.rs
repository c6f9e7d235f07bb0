//! What the agent asks, who decides it, and what happens when nobody does.

use super::agent::Stage;
use super::machine::{Doing, RunMachine};
use super::rules::Rule;
use super::words::RunEffect;
use pilot_proto::event::Event;
use pilot_proto::inbox::{Answer, Ask, Decider};
use pilot_proto::run::{Outcome, Phase};
use pilot_proto::task::OnTimeout;
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
        match self.rule(&ask) {
            Rule::Ask => self.put_ask(now, Some(key), ask),
            Rule::Allow => self.decide_at_once(key, ask, Answer::ALLOW),
            Rule::Deny(reason) => {
                self.agent.denials_seen += 1;
                self.decide_at_once(key, ask, Answer::Deny { reason });
            }
        }
    }

    /// Nobody is asked, and it is written down all the same.
    fn decide_at_once(&mut self, key: String, ask: Ask, answer: Answer) {
        let item = self.next_item();
        self.journal_ask(item, &ask, None);
        self.journal_decision(item, answer.clone(), Decider::Policy);
        self.out.push(RunEffect::AnswerAgent { key, ask, answer });
    }

    /// Puts an ask into the inbox.
    pub(super) fn put_ask(&mut self, now: Timestamp, key: Option<String>, ask: Ask) {
        let deadline = match self.spec.on_timeout {
            OnTimeout::Pause => None,
            // Half of a person's work is nothing to go on with.
            OnTimeout::Proceed if matches!(ask, Ask::HandsOn { .. }) => None,
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

    pub(super) fn settle(
        &mut self,
        now: Timestamp,
        item: InboxId,
        answer: Answer,
        decider: Decider,
    ) {
        let Some(at) = self.agent.waiting.iter().position(|waiting| waiting.item == item) else {
            return;
        };
        let Waiting { key, ask, .. } = self.agent.waiting.remove(at);
        self.journal_decision(item, answer.clone(), decider);
        if self.agent.waiting.is_empty() {
            self.enter(Phase::AgentRunning);
            self.agent.resume_clock(now);
        }
        let ruled = self.remember(&ask, &answer);
        let answer = match answer {
            Answer::Never { reason, .. } => Answer::Deny { reason },
            other => other,
        };
        match key {
            Some(key) => self.out.push(RunEffect::AnswerAgent { key, ask, answer }),
            None => self.go_on(now, &ask, answer),
        }
        if ruled {
            self.settle_by_rules(now);
        }
    }

    /// After an interrupt, or when the budget was used up.
    fn go_on(&mut self, now: Timestamp, ask: &Ask, answer: Answer) {
        if let Ask::Budget { spent_micros, budget_micros } = ask {
            return self.budget_decided(now, *spent_micros, *budget_micros, &answer);
        }
        match answer {
            Answer::Say { text } => self.tell(now, text),
            Answer::End
            | Answer::Allow { .. }
            | Answer::Deny { .. }
            | Answer::Never { .. }
            | Answer::Choose { .. } => self.end_agent(now),
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
            let answer = self.unanswered(&ask);
            self.settle(now, item, answer, Decider::Timeout);
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
        Ask::Permission { .. } => {
            matches!(answer, Answer::Allow { .. } | Answer::Deny { .. } | Answer::Never { .. })
        }
        Ask::Plan { .. } | Ask::Network { .. } | Ask::Budget { .. } | Ask::Unknown(_) => {
            matches!(answer, Answer::Allow { .. } | Answer::Deny { .. })
        }
        Ask::Question { questions } => match answer {
            Answer::Choose { .. } | Answer::Deny { .. } => true,
            Answer::Say { .. } => questions.len() == 1,
            Answer::Allow { .. } | Answer::Never { .. } | Answer::End => false,
        },
        Ask::Interrupted => matches!(answer, Answer::Say { .. } | Answer::End),
        Ask::HandsOn { .. } => matches!(answer, Answer::End),
        Ask::Feedback { .. } | Ask::Ci { .. } => false,
    }
}
