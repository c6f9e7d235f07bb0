//! The screen of a run, as far as the machine has a say in it: who drives.

use super::machine::{Doing, RunMachine};
use super::words::{RunEffect, Step};
use crate::takeover::{TakeoverEffect, TakeoverEvent};
use pilot_proto::event::Event;
use pilot_proto::{Code, OrderId, Problem, Timestamp};

impl RunMachine {
    pub(super) fn take_over(&mut self, now: Timestamp, order: OrderId, who: String) {
        if !self.has_a_screen() {
            let problem = Problem::new(
                Code::Precondition,
                "The run has no screen now: its workspace is being made, or it is at its end.",
            );
            return self.order_done(order, Some(problem));
        }
        let effects = self.takeover.handle(now, TakeoverEvent::Take { who });
        self.carry_out(now, Some(order), effects);
    }

    pub(super) fn hand_back(&mut self, now: Timestamp, order: OrderId, note: Option<String>) {
        let effects = self.takeover.handle(now, TakeoverEvent::HandBack { note });
        self.carry_out(now, Some(order), effects);
    }

    /// Something happened that nobody ordered.
    pub(super) fn screen(&mut self, now: Timestamp, event: TakeoverEvent) {
        let effects = self.takeover.handle(now, event);
        self.carry_out(now, None, effects);
    }

    fn has_a_screen(&self) -> bool {
        self.ending.is_none()
            && match self.doing {
                Doing::Agent | Doing::Review { .. } => true,
                Doing::Step { step, .. } => matches!(step, Step::Setup | Step::Agent),
                Doing::Nothing
                | Doing::AwaitingPermit { .. }
                | Doing::Again { .. }
                | Doing::Over => false,
            }
    }

    /// An order is answered once: with the refusal, by what tells the agent, or here.
    fn carry_out(
        &mut self,
        now: Timestamp,
        mut order: Option<OrderId>,
        effects: Vec<TakeoverEffect>,
    ) {
        for effect in effects {
            match effect {
                TakeoverEffect::Journal(event) => self.journal(Event::Screen(event)),
                TakeoverEffect::Drives(who) => self.out.push(RunEffect::Drives { who }),
                TakeoverEffect::Hint(text) => self.out.push(RunEffect::HintAgent { text }),
                TakeoverEffect::Tell(text) => match order.take() {
                    Some(order) => self.steer(now, order, text),
                    None => self.out.push(RunEffect::HintAgent { text }),
                },
                TakeoverEffect::Refuse(problem) => {
                    if let Some(order) = order.take() {
                        self.order_done(order, Some(problem));
                    }
                }
            }
        }
        if let Some(order) = order {
            self.order_done(order, None);
        }
    }
}
