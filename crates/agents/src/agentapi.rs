//! A declared server that speaks AgentAPI (github.com/coder/agentapi): an HTTP
//! interface in front of an agent that has only a terminal.
//!
//! Two halves that meet over a pipe: [`Agent`]'s driver, and [`bridge`], the
//! program that starts the server inside the walls and speaks HTTP with it.
//!
//! What the server knows of its agent it reads off a screen: whether it is
//! busy, and what it said. So there are no tools, permissions or tokens here,
//! and the words come when a turn is over, because until then the screen may
//! still change them. The log has them as they appear.

pub mod bridge;

use crate::attached;
use crate::catalog::SessionPlace;
use crate::command::launch::{Given, filled};
use crate::declared::Declared;
use crate::driver::{Driver, Launch, Start, Step, died};
use crate::probe::Probe;
use bridge::{FromBridge, MARK, ToBridge};
use pilot_proto::event::{Activity, TurnEnd};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::run::Usage;
use pilot_proto::runner::Abilities;
use pilot_proto::{Code, Event, Problem, Stream};
use std::path::Path;
use std::sync::Arc;

/// A declared server in the catalog.
#[derive(Debug)]
pub struct Agent {
    name: String,
    declared: Arc<Declared>,
}

impl Agent {
    pub(crate) fn new(name: String, declared: Declared) -> Self {
        Self { name, declared: Arc::new(declared) }
    }
}

impl crate::catalog::Agent for Agent {
    fn name(&self) -> &str {
        &self.name
    }

    fn probe(&self) -> Probe {
        self.declared.probe(&self.name)
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            resume: false,
            approvals: false,
            goes_on_refused: false,
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
        Box::new(AgentApi::new(Arc::clone(&self.declared), start))
    }

    fn session(&self, _tree: &Path, _session: &str) -> Option<SessionPlace> {
        None
    }

    fn through(&self) -> Option<&'static str> {
        Some(bridge::SUBCOMMAND)
    }
}

/// The driver.
#[derive(Debug)]
struct AgentApi {
    declared: Arc<Declared>,
    given: Given,
    in_turn: bool,
    interrupted: bool,
    summary: String,
}

impl AgentApi {
    fn new(declared: Arc<Declared>, mut start: Start) -> Self {
        let files = attached::told(std::mem::take(&mut start.attachments).iter(), "");
        start.prompt.push_str(&files);
        let given = Given::new(start);
        Self { declared, given, in_turn: false, interrupted: false, summary: String::new() }
    }

    fn tell(message: &ToBridge) -> Step {
        let json = serde_json::to_string(message).expect("plain text serialises");
        Step::Write(format!("{json}\n"))
    }

    fn is_now(activity: Activity) -> Step {
        Step::Event(Event::Activity { activity, reason: String::new() })
    }

    fn turn_over(&mut self, end: TurnEnd, problem: Option<Problem>) -> Vec<Step> {
        if !std::mem::take(&mut self.in_turn) {
            return Vec::new();
        }
        let interrupted = std::mem::take(&mut self.interrupted) && end == TurnEnd::Completed;
        let over = Step::TurnEnded {
            end: if interrupted { TurnEnd::Interrupted } else { end },
            usage: Usage::default(),
            denials: 0,
            summary: std::mem::take(&mut self.summary),
            problem,
        };
        vec![Self::is_now(Activity::Idle), over]
    }
}

impl Driver for AgentApi {
    fn launch(&self) -> Launch {
        filled(&self.declared, &self.given)
    }

    fn begin(&mut self) -> Vec<Step> {
        let prompt = self.given.start.prompt.clone();
        self.say(&prompt)
    }

    fn stream(&self, line: &[u8]) -> Stream {
        if line.starts_with(MARK.as_bytes()) { Stream::Protocol } else { Stream::Stdout }
    }

    fn line(&mut self, line: &str) -> Vec<Step> {
        let message = line.strip_prefix(MARK).map(serde_json::from_str::<FromBridge>);
        match message {
            Some(Ok(FromBridge::Said { text })) => {
                self.summary.clone_from(&text);
                vec![Step::Event(Event::Text { text, parent: None, open: false })]
            }
            Some(Ok(FromBridge::TurnEnded)) => self.turn_over(TurnEnd::Completed, None),
            Some(Ok(FromBridge::Refused { why })) => {
                let message = format!("The AgentAPI server did not take the message: `{why}`.");
                let problem = Problem::new(Code::AgentFailed, message)
                    .hint("What the server said of itself is in the log.");
                self.turn_over(TurnEnd::Error, Some(problem))
            }
            // A line of another version is not for us.
            Some(Err(_)) | None => Vec::new(),
        }
    }

    fn say(&mut self, text: &str) -> Vec<Step> {
        self.in_turn = true;
        let say = ToBridge::Say { text: text.to_owned() };
        vec![Self::tell(&say), Self::is_now(Activity::Running)]
    }

    fn interrupt(&mut self) -> Vec<Step> {
        if !self.in_turn {
            return Vec::new();
        }
        self.interrupted = true;
        vec![Self::tell(&ToBridge::Interrupt)]
    }

    fn answer(&mut self, _key: &str, _ask: &Ask, _answer: &Answer) -> Vec<Step> {
        // It never asks.
        Vec::new()
    }

    fn end(&mut self) -> Vec<Step> {
        vec![Step::CloseInput]
    }

    fn exited(&mut self, code: Option<i32>, stderr: &str) -> Vec<Step> {
        self.turn_over(TurnEnd::Exited, Some(died(code, stderr)))
    }
}
