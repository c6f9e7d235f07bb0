//! No agent at all: a person does the task in the run's workspace, with the
//! same walls, journal, live diff and publication as any agent's work.
//!
//! There is no process ([`Agent::has_process`](crate::Agent::has_process)): the
//! driver asks once, and the answer, or that the work is done, ends the turn.

use crate::catalog::SessionPlace;
use crate::driver::{Driver, Launch, Start, Step};
use crate::probe::Probe;
use pilot_proto::event::TurnEnd;
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::run::Usage;
use pilot_proto::runner::Abilities;
use pilot_proto::{Stream, event::Activity, event::Event};
use std::path::Path;

/// Its name in tasks and projects.
pub const NAME: &str = "hands-on";

/// The driver's name for its ask. There is never a second one.
const KEY: &str = "done";

/// It in the catalog.
#[derive(Debug, Clone, Copy)]
pub struct Agent;

impl crate::catalog::Agent for Agent {
    fn name(&self) -> &str {
        NAME
    }

    fn probe(&self) -> Probe {
        Probe::built_in(NAME)
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            resume: false,
            approvals: false,
            goes_on_refused: true,
            questions: false,
            plan: false,
            steer: false,
            interrupt: true,
            images: false,
            usage: false,
            cost: false,
        }
    }

    fn driver(&self, start: Start) -> Box<dyn Driver> {
        Box::new(HandsOn { start, waits: false })
    }

    fn session(&self, _tree: &Path, _session: &str) -> Option<SessionPlace> {
        None
    }

    fn has_process(&self) -> bool {
        false
    }
}

/// The driver.
#[derive(Debug)]
pub struct HandsOn {
    start: Start,
    /// A person was asked, and has not said that it is done.
    waits: bool,
}

impl HandsOn {
    fn ask(&mut self, what: &str) -> Vec<Step> {
        self.waits = true;
        let tree = self.start.tree.to_string_lossy().into_owned();
        let reason = "a person does the work".to_owned();
        vec![
            Step::Event(Event::Activity { activity: Activity::Waiting, reason }),
            Step::Ask { key: KEY.to_owned(), ask: Ask::HandsOn { what: what.to_owned(), tree } },
        ]
    }

    fn over(&mut self, end: TurnEnd) -> Vec<Step> {
        if !std::mem::take(&mut self.waits) {
            return Vec::new();
        }
        vec![Step::TurnEnded {
            end,
            usage: Usage::default(),
            denials: 0,
            summary: String::new(),
            problem: None,
        }]
    }
}

impl Driver for HandsOn {
    fn launch(&self) -> Launch {
        Launch {
            program: self.start.program.clone(),
            args: Vec::new(),
            env: Vec::new(),
            files: Vec::new(),
        }
    }

    fn begin(&mut self) -> Vec<Step> {
        let what = self.start.prompt.clone();
        self.ask(&what)
    }

    fn stream(&self, _line: &[u8]) -> Stream {
        Stream::Stdout
    }

    fn line(&mut self, _line: &str) -> Vec<Step> {
        Vec::new()
    }

    fn say(&mut self, text: &str) -> Vec<Step> {
        self.ask(text)
    }

    fn interrupt(&mut self) -> Vec<Step> {
        if !self.waits {
            return Vec::new();
        }
        let mut steps = vec![Step::Withdraw { key: KEY.to_owned() }];
        steps.extend(self.over(TurnEnd::Interrupted));
        steps
    }

    fn answer(&mut self, key: &str, _ask: &Ask, _answer: &Answer) -> Vec<Step> {
        if key == KEY { self.over(TurnEnd::Completed) } else { Vec::new() }
    }

    fn end(&mut self) -> Vec<Step> {
        self.waits = false;
        // Nothing reads an input: there is no process.
        vec![Step::Terminate]
    }

    fn exited(&mut self, _code: Option<i32>, _stderr: &str) -> Vec<Step> {
        self.over(TurnEnd::Exited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::tests::start;

    fn asked(steps: &[Step]) -> Option<&str> {
        steps.iter().find_map(|step| match step {
            Step::Ask { ask: Ask::HandsOn { what, .. }, .. } => Some(what.as_str()),
            _ => None,
        })
    }

    fn ended(steps: &[Step]) -> Vec<TurnEnd> {
        let end = |step: &Step| match step {
            Step::TurnEnded { end, .. } => Some(*end),
            _ => None,
        };
        steps.iter().filter_map(end).collect()
    }

    #[test]
    fn a_person_is_asked_once_a_turn_and_ends_it() {
        let mut driver = HandsOn { start: start(), waits: false };
        let steps = driver.begin();
        assert_eq!(asked(&steps), Some(start().prompt.as_str()));
        let ask = Ask::HandsOn { what: String::new(), tree: String::new() };
        assert_eq!(ended(&driver.answer(KEY, &ask, &Answer::End)), [TurnEnd::Completed]);
        assert!(driver.answer(KEY, &ask, &Answer::End).is_empty(), "a turn ends once");
        assert_eq!(asked(&driver.say("and the tests")), Some("and the tests"));
        assert_eq!(ended(&driver.interrupt()), [TurnEnd::Interrupted]);
        assert!(driver.interrupt().is_empty());
        assert_eq!(driver.end(), [Step::Terminate]);
        assert!(driver.exited(Some(0), "").is_empty(), "nothing was under way");
    }
}
