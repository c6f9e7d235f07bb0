//! What the run's own processes say at its socket, as far as the machine has a
//! say in it: only while the agent works, because afterwards nobody is left
//! who could be answered.

use super::agent::Stage;
use super::machine::{Doing, RunMachine};
use super::words::RunEffect;
use pilot_proto::event::Event;
use pilot_proto::task::NewChild;
use pilot_proto::{Code, OrderId, Problem, TaskId, Timestamp};

impl RunMachine {
    fn agent_works(&self) -> bool {
        self.ending.is_none() && self.doing == Doing::Agent && self.agent.stage == Stage::Working
    }

    pub(super) fn reported(&mut self, now: Timestamp, text: String) {
        if self.agent_works() {
            self.agent_alive(now);
            self.journal(Event::Reported { text });
        }
    }

    /// The hub decides; until it has, the wish waits.
    pub(super) fn child_wanted(&mut self, now: Timestamp, token: String, child: NewChild) {
        if self.agent_works() {
            self.agent_alive(now);
            return self.journal(Event::ChildWanted { token, child });
        }
        let problem = Problem::new(Code::Precondition, "The run is at its end.");
        self.out.push(RunEffect::ChildDecided { token, decided: Err(problem) });
    }

    pub(super) fn child_decided(
        &mut self,
        order: OrderId,
        token: String,
        task: Option<TaskId>,
        problem: Option<Problem>,
    ) {
        let unsaid = || Problem::new(Code::Unknown, "The hub did not say why.");
        let decided = task.ok_or_else(|| problem.clone().unwrap_or_else(unsaid));
        self.journal(Event::ChildDecided { token: token.clone(), task, problem });
        self.out.push(RunEffect::ChildDecided { token, decided });
        self.order_done(order, None);
    }
}
