//! Any command as an agent: it is given the prompt, what it writes is for
//! people, and what it did is seen in the tree.
//!
//! It says nothing about itself: no tools, no questions, no tokens. So the
//! driver knows two things only, when a turn is over and whether it went well,
//! and both by what the command's owner declared ([`crate::declared`]).

pub(crate) mod launch;
mod screen;
pub mod terminal;

use crate::attached;
use crate::catalog::SessionPlace;
use crate::declared::{Declared, DoneWhen, Pattern};
use crate::driver::{Driver, Launch, Start, Step, died};
use crate::probe::Probe;
use launch::{Given, PromptBy};
use pilot_proto::event::{Activity, TurnEnd};
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::run::Usage;
use pilot_proto::runner::Abilities;
use pilot_proto::{Code, Event, Problem, Stream};
use regex::bytes::Regex;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// What Ctrl-C sends on a terminal; its line discipline makes SIGINT of it.
const CTRL_C: &str = "\u{3}";
/// What Ctrl-D sends: the end of the input.
const CTRL_D: &str = "\u{4}";

/// Colours and the like: control sequences of ECMA-48.
static PAINT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\x1b\[[0-?]*[ -/]*[@-~]").expect("the pattern is valid"));

/// A declared command in the catalog.
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
            resume: self.declared.resume_args.is_some(),
            approvals: false,
            goes_on_refused: false,
            questions: false,
            plan: false,
            steer: false,
            // One that is done when it exits exits then, and keeps nothing.
            interrupt: self.declared.terminal
                && matches!(self.declared.done_when, DoneWhen::Line(_)),
            images: false,
            usage: false,
            cost: false,
        }
    }

    fn driver(&self, start: Start) -> Box<dyn Driver> {
        Box::new(Command::new(self.name.clone(), Arc::clone(&self.declared), start))
    }

    fn session(&self, _tree: &Path, _session: &str) -> Option<SessionPlace> {
        // Where it keeps what, if anything, only its owner knows.
        None
    }

    fn through(&self) -> Option<&'static str> {
        self.declared.terminal.then_some(terminal::SUBCOMMAND)
    }
}

/// The driver.
struct Command {
    name: String,
    declared: Arc<Declared>,
    given: Given,
    in_turn: bool,
    interrupted: bool,
    exited: bool,
}

impl Command {
    fn new(name: String, declared: Arc<Declared>, mut start: Start) -> Self {
        let files = attached::told(std::mem::take(&mut start.attachments).iter(), "");
        start.prompt.push_str(&files);
        let given = Given::new(start);
        Self { name, declared, given, in_turn: false, interrupted: false, exited: false }
    }

    fn is_now(activity: Activity) -> Step {
        Step::Event(Event::Activity { activity, reason: String::new() })
    }

    fn turn_over(&mut self, end: TurnEnd, problem: Option<Problem>) -> Vec<Step> {
        if !std::mem::take(&mut self.in_turn) {
            return Vec::new();
        }
        let interrupted = std::mem::take(&mut self.interrupted);
        // Whatever an interrupted program says of its end, that is why.
        let (end, problem) =
            if interrupted { (TurnEnd::Interrupted, None) } else { (end, problem) };
        let over = Step::TurnEnded {
            end,
            usage: Usage::default(),
            denials: 0,
            summary: String::new(),
            problem,
        };
        vec![Self::is_now(Activity::Idle), over]
    }

    fn ends_turn(&self, line: &[u8]) -> bool {
        match &self.declared.done_when {
            DoneWhen::Exit => false,
            DoneWhen::Line(Pattern(pattern)) => {
                let plain = PAINT.replace_all(line, &b""[..]);
                pattern.is_match(plain.strip_suffix(b"\r").unwrap_or(&plain))
            }
        }
    }
}

/// What a program that reads lines is told: one line, for of several it would
/// take each for a message of its own.
fn one_line(text: &str) -> String {
    let mut line: String = text.lines().collect::<Vec<_>>().join(" ");
    line.push('\n');
    line
}

impl Driver for Command {
    fn launch(&self) -> Launch {
        launch::filled(&self.declared, &self.given)
    }

    fn begin(&mut self) -> Vec<Step> {
        self.in_turn = true;
        let mut steps = Vec::new();
        if self.declared.resume_args.is_some() {
            steps.push(Step::Event(Event::SessionStarted {
                session: self.given.session.clone(),
                model: self.given.start.model.clone(),
                version: None,
            }));
        }
        let by_input = PromptBy::of(&self.declared, &self.given) == PromptBy::Input;
        match &self.declared.done_when {
            DoneWhen::Exit if self.declared.terminal => {
                // The input's end is a key here, so that Ctrl-C can follow it.
                if by_input {
                    steps.push(Step::Write(format!("{}\n{CTRL_D}", self.given.start.prompt)));
                }
            }
            DoneWhen::Exit => {
                if by_input {
                    steps.push(Step::Write(format!("{}\n", self.given.start.prompt)));
                }
                steps.push(Step::CloseInput);
            }
            DoneWhen::Line(_) => {
                if by_input {
                    steps.push(Step::Write(one_line(&self.given.start.prompt)));
                }
            }
        }
        steps.push(Self::is_now(Activity::Running));
        steps
    }

    fn stream(&self, line: &[u8]) -> Stream {
        if self.ends_turn(line) { Stream::Protocol } else { Stream::Stdout }
    }

    fn line(&mut self, line: &str) -> Vec<Step> {
        if self.ends_turn(line.as_bytes()) {
            self.turn_over(TurnEnd::Completed, None)
        } else {
            Vec::new()
        }
    }

    fn say(&mut self, text: &str) -> Vec<Step> {
        self.in_turn = true;
        match &self.declared.done_when {
            DoneWhen::Line(_) if !self.exited => {
                vec![Step::Write(one_line(text)), Self::is_now(Activity::Running)]
            }
            DoneWhen::Line(_) | DoneWhen::Exit => {
                let message = format!("`{}` has ended and can be told nothing more.", self.name);
                let problem = Problem::new(Code::AgentFailed, message)
                    .hint("Its work is kept: `pilot task resume` goes on with it.");
                self.turn_over(TurnEnd::Error, Some(problem))
            }
        }
    }

    fn interrupt(&mut self) -> Vec<Step> {
        if !self.in_turn || !self.declared.terminal {
            return Vec::new();
        }
        self.interrupted = true;
        vec![Step::Write(CTRL_C.to_owned())]
    }

    fn answer(&mut self, _key: &str, _ask: &Ask, _answer: &Answer) -> Vec<Step> {
        // It never asks.
        Vec::new()
    }

    fn end(&mut self) -> Vec<Step> {
        vec![Step::CloseInput]
    }

    fn exited(&mut self, code: Option<i32>, stderr: &str) -> Vec<Step> {
        self.exited = true;
        match (code, &self.declared.done_when) {
            (Some(0), _) => self.turn_over(TurnEnd::Completed, None),
            (Some(code), DoneWhen::Exit) => {
                self.turn_over(TurnEnd::Error, Some(failed(&self.name, code, stderr)))
            }
            (code, _) => self.turn_over(TurnEnd::Exited, Some(died(code, stderr))),
        }
    }
}

/// It said itself that it failed.
fn failed(name: &str, code: i32, stderr: &str) -> Problem {
    let last = stderr.trim().lines().last().unwrap_or_default();
    let message = if last.is_empty() {
        format!("`{name}` exited with {code} and did not say why.")
    } else {
        format!("`{name}` exited with {code}: `{last}`.")
    };
    Problem::new(Code::AgentFailed, message).hint("All that it wrote is in the log.")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Catalog;
    use pilot_proto::{Mode, RunId};

    fn driver(fields: &str) -> Box<dyn Driver> {
        let text = format!("[agents.shy]\nprotocol = \"command\"\nprogram = \"shy\"\n{fields}");
        let catalog = Catalog::built_in().declare(&text).expect("it is right");
        catalog.get("shy").expect("declared").driver(start())
    }

    pub(crate) fn start() -> Start {
        Start {
            run: RunId(uuid::Uuid::from_u128(7)),
            prompt: "Tidy\nup.".into(),
            model: None,
            mode: Mode::Auto,
            ruled: false,
            resume: None,
            home: "/w/home".into(),
            tree: "/w/tree".into(),
            tmp: "/w/tmp".into(),
            program: "/usr/bin/shy".into(),
            provider: None,
            attachments: Vec::new(),
            tools: None,
        }
    }

    fn end_of(steps: &[Step]) -> Option<TurnEnd> {
        let mut ends = steps.iter().filter_map(|step| match step {
            Step::TurnEnded { end, .. } => Some(*end),
            _ => None,
        });
        let end = ends.next();
        assert_eq!(ends.next(), None, "a turn ends once");
        end
    }

    #[test]
    fn a_command_is_done_when_it_exits_and_its_exit_code_says_how_it_went() {
        let check = |code: Option<i32>, expected: TurnEnd| {
            let mut driver = driver("");
            let steps = driver.begin();
            assert!(steps.contains(&Step::Write("Tidy\nup.\n".into())), "{steps:?}");
            assert!(steps.contains(&Step::CloseInput), "{steps:?}");
            let steps = driver.exited(code, "warning\nno such model\n");
            assert_eq!(end_of(&steps), Some(expected));
            if let Some(Step::TurnEnded { problem: Some(problem), .. }) = steps.last() {
                assert!(problem.message.contains("no such model"), "{problem:?}");
            }
        };
        check(Some(0), TurnEnd::Completed);
        check(Some(3), TurnEnd::Error);
        check(None, TurnEnd::Exited);
    }

    #[test]
    fn a_command_that_has_ended_is_told_nothing_more_and_says_so() {
        let mut driver = driver("");
        driver.begin();
        driver.exited(Some(0), "");
        let steps = driver.say("and the roof");
        assert_eq!(end_of(&steps), Some(TurnEnd::Error), "{steps:?}");
        assert!(driver.interrupt().is_empty());
    }

    #[test]
    fn a_line_ends_the_turn_and_the_next_one_is_written_to_the_input() {
        let mut driver = driver("done-when = { line = \"^ready$\" }");
        let steps = driver.begin();
        assert!(steps.contains(&Step::Write("Tidy up.\n".into())), "one line: {steps:?}");
        assert!(!steps.contains(&Step::CloseInput));
        assert_eq!(driver.stream(b"not ready yet"), Stream::Stdout);
        assert_eq!(driver.stream(b"ready\r"), Stream::Protocol, "a terminal's line end is none");
        assert_eq!(driver.stream(b"\x1b[?2004h\x1b[1;32mready\x1b[0m"), Stream::Protocol);
        assert_eq!(end_of(&driver.line("ready")), Some(TurnEnd::Completed));
        assert!(driver.line("ready").is_empty(), "between turns nothing ends");
        assert!(driver.say("More").contains(&Step::Write("More\n".into())));
        let steps = driver.exited(Some(1), "");
        assert_eq!(end_of(&steps), Some(TurnEnd::Exited), "it left in the middle of its turn");
    }

    #[test]
    fn only_on_a_terminal_can_it_be_interrupted() {
        let mut plain = driver("");
        plain.begin();
        assert!(plain.interrupt().is_empty());
        let mut driver = driver("terminal = true");
        driver.begin();
        assert_eq!(driver.interrupt(), [Step::Write(CTRL_C.into())]);
        let steps = driver.exited(Some(130), "");
        assert_eq!(end_of(&steps), Some(TurnEnd::Interrupted), "{steps:?}");
    }
}
