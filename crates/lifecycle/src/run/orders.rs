//! The hub's orders. Each is carried out at most once, and each is answered
//! in the journal, with the reason if it could not be carried out.

use super::agent::Stage;
use super::machine::{Doing, RunMachine};
use super::words::{RunEffect, Step};
use pilot_proto::event::Event;
use pilot_proto::run::Outcome;
use pilot_proto::runner::Act;
use pilot_proto::{Code, OrderId, Problem, Timestamp};

impl RunMachine {
    pub(super) fn order(&mut self, now: Timestamp, order: OrderId, act: Act) {
        if !self.orders.insert(order) {
            return;
        }
        match act {
            Act::Say { text } | Act::Steer { text } => self.say(now, order, text),
            Act::Interrupt => {
                let done = self.interrupt();
                self.order_done(order, done.err());
            }
            Act::Answer { item, answer, who } => {
                let done = self.person_answers(now, item, answer, who);
                self.order_done(order, done.err());
            }
            Act::Stop => self.stop(now, order),
            Act::PermitPush { fence } => self.permit(now, order, fence),
            Act::Allow { rules } => self.allow(order, rules),
            Act::Child { token, task, problem } => self.child_decided(order, token, task, problem),
            Act::ChildIs { child } => {
                self.out.push(RunEffect::ChildIs(child));
                self.order_done(order, None);
            }
            Act::Unknown(_) => self.order_done(
                order,
                Some(Problem::new(Code::Invalid, "This runner does not know this order.")),
            ),
        }
    }

    pub(super) fn order_done(&mut self, order: OrderId, problem: Option<Problem>) {
        self.journal(Event::OrderDone { order, problem });
    }

    /// A follow-up waits for the end of the turn; it counts as done when the
    /// agent is told, so that one that comes to nothing is reported back.
    fn say(&mut self, now: Timestamp, order: OrderId, text: String) {
        if !self.can_still_hear() {
            return self.order_done(order, Some(too_late()));
        }
        if self.withdraw_interrupted(now) || self.end_quota_wait() {
            self.follow_up(now, order, text);
        } else {
            self.agent.follow_ups.push_back((order, text));
        }
    }

    fn can_still_hear(&self) -> bool {
        self.ending.is_none()
            && match self.doing {
                Doing::Agent => self.agent.stage == Stage::Working,
                Doing::Step { step, .. } => {
                    matches!(step, Step::Workspace | Step::Clone | Step::Setup)
                }
                Doing::Nothing
                | Doing::AwaitingPermit { .. }
                | Doing::Again { .. }
                | Doing::Over => false,
            }
    }

    /// The agent is gone: whoever said something learns that it was not heard.
    pub(super) fn drop_follow_ups(&mut self) {
        while let Some((order, _)) = self.agent.follow_ups.pop_front() {
            self.order_done(order, Some(too_late()));
        }
    }

    fn interrupt(&mut self) -> Result<(), Problem> {
        let working = self.doing == Doing::Agent && self.agent.stage == Stage::Working;
        if !working || !self.agent.in_turn {
            return Err(Problem::new(Code::Precondition, "The agent is not in a turn."));
        }
        self.agent.interrupting = true;
        self.out.push(RunEffect::InterruptAgent);
        Ok(())
    }

    fn stop(&mut self, now: Timestamp, order: OrderId) {
        let pushing = matches!(self.doing, Doing::Step { step: Step::Push, .. });
        if pushing || self.landed.is_some() || self.ending.is_some() {
            let problem =
                Problem::new(Code::Precondition, "The run is already on its way to its end.");
            return self.order_done(order, Some(problem));
        }
        // Said before the winding down begins, because that may end the journal.
        self.order_done(order, None);
        self.end_as(now, Outcome::Cancelled);
    }

    fn permit(&mut self, now: Timestamp, order: OrderId, fence: u64) {
        match self.doing.clone() {
            // The lease was looked at just before (`pass_deadlines`).
            Doing::AwaitingPermit { commit } if fence == self.spec.fence => {
                self.order_done(order, None);
                self.push(now, commit);
            }
            Doing::AwaitingPermit { .. } => {
                let problem = Problem::new(
                    Code::Precondition,
                    format!(
                        "The permit is for the token {fence}, the run has {}.",
                        self.spec.fence
                    ),
                );
                self.order_done(order, Some(problem));
            }
            Doing::Nothing
            | Doing::Step { .. }
            | Doing::Agent
            | Doing::Again { .. }
            | Doing::Over => {
                let problem =
                    Problem::new(Code::Precondition, "The run does not wait for a permit.");
                self.order_done(order, Some(problem));
            }
        }
    }
}

fn too_late() -> Problem {
    Problem::new(Code::Precondition, "The agent has ended; it was not told.")
}
