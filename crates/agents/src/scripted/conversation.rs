//! The driver of the scripted agent.

use super::SUBCOMMAND;
use super::protocol::{FromProgram, MARK, ToProgram};
use crate::attached;
use crate::driver::{Driver, Launch, Start, Step, died};
use pilot_proto::event::{Activity, TurnEnd};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::run::Usage;
use pilot_proto::{Event, Mode, Stream};
use std::collections::BTreeSet;

/// The driver.
pub struct Scripted {
    start: Start,
    working: bool,
    open_asks: BTreeSet<String>,
    open_tools: BTreeSet<String>,
}

impl Scripted {
    /// A driver that has not begun yet.
    pub fn new(start: Start) -> Self {
        Self { start, working: false, open_asks: BTreeSet::new(), open_tools: BTreeSet::new() }
    }

    /// A program without sessions goes by the run's id.
    fn session(&self) -> String {
        self.start.resume.clone().unwrap_or_else(|| self.start.run.to_string())
    }

    fn turn(&mut self, text: String) -> Vec<Step> {
        self.working = true;
        let (mode, ruled) = (self.start.mode, self.start.ruled);
        vec![write(&ToProgram::Say { text, mode, ruled }), activity(Activity::Running)]
    }

    fn close_open(&mut self, why: &str) -> Vec<Step> {
        let asks = std::mem::take(&mut self.open_asks).into_iter();
        let tools = std::mem::take(&mut self.open_tools).into_iter();
        let withdrawn = asks.map(|key| Step::Withdraw { key });
        let ended = tools
            .map(|id| Step::Event(Event::ToolEnded { id, ok: false, output: format!("({why})") }));
        withdrawn.chain(ended).collect()
    }

    fn event(&mut self, event: Event) -> Vec<Step> {
        if let Event::ToolStarted { id, .. } = &event {
            self.open_tools.insert(id.clone());
        }
        if let Event::ToolEnded { id, .. } = &event {
            self.open_tools.remove(id);
        }
        vec![Step::Event(event)]
    }
}

impl Driver for Scripted {
    fn launch(&self) -> Launch {
        Launch {
            program: self.start.program.clone(),
            args: vec![SUBCOMMAND.to_owned()],
            env: Vec::new(),
            files: Vec::new(),
        }
    }

    fn begin(&mut self) -> Vec<Step> {
        let mut prompt = self.start.prompt.clone();
        // An empty prompt stands for the repository's own script.
        if !prompt.trim().is_empty() {
            // Comments, to the language of the prompt.
            prompt.push_str(&attached::told(self.start.attachments.iter(), "# "));
        }
        self.turn(prompt)
    }

    fn stream(&self, line: &[u8]) -> Stream {
        // One byte in UTF-8, so that this is one comparison.
        if line.first().copied().map(char::from) == Some(MARK) {
            Stream::Protocol
        } else {
            Stream::Stdout
        }
    }

    fn line(&mut self, line: &str) -> Vec<Step> {
        let Ok(message) = serde_json::from_str(line.trim_start_matches(MARK)) else {
            return Vec::new();
        };
        match message {
            FromProgram::Started { version } => vec![Step::Event(Event::SessionStarted {
                session: self.session(),
                model: self.start.model.clone(),
                version: Some(version),
            })],
            FromProgram::Event { event } => self.event(event),
            FromProgram::Ask { key, ask } => {
                self.open_asks.insert(key.clone());
                if self.start.mode == Mode::Auto && matches!(ask, Ask::Permission { .. }) {
                    return vec![Step::Check { key, ask }];
                }
                vec![activity(Activity::Waiting), Step::Ask { key, ask }]
            }
            FromProgram::Withdraw { key } => {
                if !self.open_asks.remove(&key) {
                    return Vec::new();
                }
                vec![Step::Withdraw { key }, activity(Activity::Running)]
            }
            FromProgram::TurnEnded { end, usage, denials, summary, problem } => {
                self.working = false;
                let mut steps = self.close_open("the turn ended");
                steps.push(activity(Activity::Idle));
                steps.push(Step::TurnEnded { end, usage, denials, summary, problem });
                steps
            }
        }
    }

    fn say(&mut self, text: &str) -> Vec<Step> {
        self.turn(text.to_owned())
    }

    fn interrupt(&mut self) -> Vec<Step> {
        if self.working { vec![write(&ToProgram::Interrupt)] } else { Vec::new() }
    }

    fn answer(&mut self, key: &str, _ask: &Ask, answer: &Answer) -> Vec<Step> {
        if !self.open_asks.remove(key) {
            return Vec::new();
        }
        let answer = ToProgram::Answer { key: key.to_owned(), answer: answer.clone() };
        vec![write(&answer), activity(Activity::Running)]
    }

    fn end(&mut self) -> Vec<Step> {
        vec![Step::CloseInput]
    }

    fn exited(&mut self, code: Option<i32>, stderr: &str) -> Vec<Step> {
        let mut steps = self.close_open("the agent's process ended");
        if std::mem::take(&mut self.working) {
            steps.push(Step::TurnEnded {
                end: TurnEnd::Exited,
                usage: Usage::default(),
                denials: 0,
                summary: String::new(),
                problem: Some(died(code, stderr)),
            });
        }
        steps
    }
}

fn write(message: &ToProgram) -> Step {
    let json = serde_json::to_string(message).expect("plain data always serialises");
    Step::Write(json + "\n")
}

fn activity(activity: Activity) -> Step {
    Step::Event(Event::Activity { activity, reason: String::new() })
}
