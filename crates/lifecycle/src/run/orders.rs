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
            Act::Say { text } => self.say(now, order, text),
            Act::Steer { text } => self.steer(now, order, text),
            Act::Unsay { order: said } => self.unsay(order, said),
            Act::Interrupt => {
                let done = self.interrupt();
                self.order_done(order, done.err());
            }
            Act::Answer { item, answer, who } => {
                let done = self.person_answers(now, item, answer, who);
                self.order_done(order, done.err());
            }
            Act::TakeOver { who } => self.take_over(now, order, who),
            Act::HandBack { note, .. } => self.hand_back(now, order, note),
            Act::Done => self.done(now, order),
            Act::Stop => self.stop(now, order),
            Act::Kill => self.kill(now, order),
            Act::PermitPush { fence } => self.permit(now, order, fence),
            Act::Allow { rules } => self.allow(order, rules),
            Act::Child { token, task, problem } => self.child_decided(order, token, task, problem),
            Act::ChildIs { child } => {
                self.out.push(RunEffect::ChildIs(child));
                self.order_done(order, None);
            }
            Act::Rules { rules } => self.add_rules(now, order, rules),
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

    /// Tells the agent in the middle of its turn; where there is none, it is a
    /// follow-up.
    pub(super) fn steer(&mut self, now: Timestamp, order: OrderId, text: String) {
        let agent = &mut self.agent;
        let in_turn = self.doing == Doing::Agent && agent.stage == Stage::Working && agent.in_turn;
        if !in_turn || agent.interrupting || self.ending.is_some() {
            return self.say(now, order, text);
        }
        agent.steering.insert(order, text.clone());
        self.out.push(RunEffect::SteerAgent { order, text });
    }

    pub(super) fn agent_steered(&mut self, now: Timestamp, order: OrderId) {
        let Some(text) = self.agent.steering.remove(&order) else { return };
        self.agent_alive(now);
        self.journal(Event::Steered { text });
        self.order_done(order, None);
    }

    pub(super) fn agent_deaf(&mut self, now: Timestamp, order: OrderId) {
        if let Some(text) = self.agent.steering.remove(&order) {
            self.say(now, order, text);
        }
    }

    /// Takes back what the agent was not told yet. What said it counts as done:
    /// nobody is to say it again.
    fn unsay(&mut self, order: OrderId, said: OrderId) {
        let waits = self.agent.follow_ups.iter().position(|(order, _)| *order == said);
        let Some(at) = waits else {
            let message = "It cannot be taken back: the agent was told already.";
            return self.order_done(order, Some(Problem::new(Code::Precondition, message)));
        };
        self.agent.follow_ups.remove(at);
        self.order_done(said, None);
        self.order_done(order, None);
    }

    fn can_still_hear(&self) -> bool {
        self.ending.is_none()
            && match self.doing {
                Doing::Agent => {
                    matches!(self.agent.stage, Stage::Working | Stage::Keeping { .. })
                }
                // It begins the turn that follows on the review.
                Doing::Review { .. } => true,
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
        for order in std::mem::take(&mut self.agent.steering).into_keys() {
            self.order_done(order, Some(too_late()));
        }
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

    /// A person says that the work is done, whatever the agent thinks of it.
    fn done(&mut self, now: Timestamp, order: OrderId) {
        let working = self.doing == Doing::Agent && self.agent.stage == Stage::Working;
        if !working || self.ending.is_some() {
            let problem = Problem::new(Code::Precondition, "Nobody is at work in this run.");
            return self.order_done(order, Some(problem));
        }
        self.order_done(order, None);
        self.let_agent_go(now);
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

    /// As `stop`, but the agent is not asked to end. Also where it is being
    /// asked already, and takes its time.
    fn kill(&mut self, now: Timestamp, order: OrderId) {
        if self.doing != Doing::Agent {
            return self.stop(now, order);
        }
        self.order_done(order, None);
        self.ending.get_or_insert(Outcome::Cancelled);
        self.kill_agent(now);
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
            | Doing::Review { .. }
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
