//! Taking a run's screen, and giving it back.

use super::check_text;
use crate::core::Steer;
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_proto::console::{OneTask, TaskHandback, TaskTakeover};
use pilot_proto::screen::HandBack;
use pilot_proto::{Problem, Task};

impl Answers<TaskTakeover> for Parts {
    async fn answer(&self, who: &Principal, one: OneTask) -> Result<Task, Problem> {
        self.core.steer(one.task, Steer::TakeOver(who.name.clone())).await
    }
}

impl Answers<TaskHandback> for Parts {
    async fn answer(&self, who: &Principal, back: HandBack) -> Result<Task, Problem> {
        let HandBack { task, note } = back;
        if let Some(note) = &note {
            check_text(note)?;
        }
        self.core.steer(task, Steer::HandBack { who: who.name.clone(), note }).await
    }
}
