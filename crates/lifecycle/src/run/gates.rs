//! What the gates of a run's walls ask a person: may this be reached, and may
//! more be spent.

use super::machine::{Doing, RunMachine};
use super::words::RunEffect;
use pilot_proto::event::{Event, TurnEnd};
use pilot_proto::inbox::{Answer, Ask, Decider};
use pilot_proto::run::{Outcome, Phase};
use pilot_proto::{Code, InboxId, OrderId, Problem, Timestamp};

/// A person is asked for so many hosts at once: who is asked for more decides
/// by the run's network page.
const OPEN_ASKS: usize = 20;

/// What the agent is told when a person has raised the budget.
const GO_ON: &str = "A person has raised the budget for models. Go on where you stopped.";

/// What is known of the gates.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Gates {
    /// Hosts that a person is asked for.
    asked: Vec<AskedHost>,
    /// The budget is used up: what was spent, and what may be.
    broke: Option<(u64, u64)>,
}

#[derive(Debug, Clone, PartialEq)]
struct AskedHost {
    item: InboxId,
    host: String,
    port: u16,
}

impl RunMachine {
    /// The gate refused something. Nobody waits for the answer: the process that
    /// tried was told no.
    pub(super) fn refused(&mut self, host: String, port: u16, process: Option<String>, why: &str) {
        let asked = &self.gates.asked;
        let known = asked.iter().any(|asked| asked.host == host && asked.port == port);
        if known || asked.len() >= OPEN_ASKS || !self.still_reaches() {
            return;
        }
        let item = self.next_item();
        let ask = Ask::Network { host: host.clone(), port, process, because: why.to_owned() };
        self.journal_ask(item, &ask, None);
        self.gates.asked.push(AskedHost { item, host, port });
    }

    /// Whether the run's own processes may still want something.
    fn still_reaches(&self) -> bool {
        self.ending.is_none()
            && matches!(
                self.phase,
                Phase::SettingUp | Phase::AgentRunning | Phase::AwaitingAnswer | Phase::TakenOver
            )
    }

    /// A person's answer, if it is to what a gate asked.
    pub(super) fn person_answers_gate(
        &mut self,
        item: InboxId,
        answer: &Answer,
        who: &str,
    ) -> Option<Result<(), Problem>> {
        let at = self.gates.asked.iter().position(|asked| asked.item == item)?;
        let allowed = match answer {
            Answer::Allow { .. } => true,
            Answer::Deny { .. } => false,
            Answer::Never { .. } | Answer::Choose { .. } | Answer::Say { .. } | Answer::End => {
                return Some(Err(super::asks::does_not_fit()));
            }
        };
        let AskedHost { host, port, .. } = self.gates.asked.remove(at);
        self.journal_decision(item, answer.clone(), Decider::Person { name: who.to_owned() });
        if allowed {
            self.out.push(RunEffect::AllowHost { host, port });
        }
        Some(Ok(()))
    }

    /// A person has added rules to the project's policy. What a person is still
    /// asked for stays asked: only the gate knows what a rule covers.
    pub(super) fn allow(&mut self, order: OrderId, rules: Vec<String>) {
        if self.ending.is_some() || self.doing == Doing::Over {
            let over = "The run's processes reach nothing any more.";
            let problem = Problem::new(Code::Precondition, over);
            return self.order_done(order, Some(problem));
        }
        if !rules.is_empty() {
            self.out.push(RunEffect::AllowRules { rules });
        }
        self.order_done(order, None);
    }

    /// The run's processes are about to be gone: nobody wants it any more.
    pub(super) fn withdraw_gate_asks(&mut self) {
        for AskedHost { item, .. } in std::mem::take(&mut self.gates.asked) {
            self.journal(Event::Withdrawn { item });
        }
    }

    /// The gateway refuses the agent's calls from now on. The agent is asked for
    /// nothing: it ends its turn, and then a person is asked.
    pub(super) fn budget_reached(&mut self, spent: u64, budget: u64) {
        if self.doing == Doing::Agent && self.ending.is_none() {
            self.gates.broke = Some((spent, budget));
        }
    }

    /// The turn ended and the budget is used up: asks a person. False if it is not.
    pub(super) fn ask_for_budget(&mut self, now: Timestamp) -> bool {
        let Some((spent_micros, budget_micros)) = self.gates.broke.take() else { return false };
        self.put_ask(now, None, Ask::Budget { spent_micros, budget_micros });
        true
    }

    /// The agent's process ended with its turn: the budget is why.
    pub(super) fn blame_budget(&mut self) {
        if let Some((spent, _)) = self.gates.broke.take() {
            self.agent.last_end = Some(TurnEnd::Error);
            self.agent.last_problem = Some(used_up(spent));
        }
    }

    /// What becomes of the run when a person has decided on its budget.
    pub(super) fn budget_decided(
        &mut self,
        now: Timestamp,
        spent: u64,
        budget: u64,
        answer: &Answer,
    ) {
        if let Answer::Allow { .. } = answer {
            self.out.push(RunEffect::RaiseBudget { micros: budget });
            self.tell(now, GO_ON.to_owned());
        } else {
            self.end_as(now, Outcome::Failed { problem: used_up(spent) });
        }
    }
}

fn used_up(spent: u64) -> Problem {
    let dollars = spent / 1_000_000;
    let cents = spent % 1_000_000 / 10_000;
    Problem::new(
        Code::LimitReached,
        format!("The task's budget for models is used up: ${dollars}.{cents:02} were spent. Its work was rescued."),
    )
    .hint("`pilot task resume` goes on where it was; give the task a larger budget first.")
}
