//! Recorded conversations, replayed through a driver: lines of the program
//! (`<`) are fed to it, lines of the recorder (`>`) say what a person did. What
//! the driver makes of a transcript stands beside it in `*.steps.txt`;
//! `PILOTHOUSE_UPDATE_SNAPSHOTS=1` writes those anew, to be read afterwards.

use pilot_agents::{Driver, Ruling, Start, Step};
use pilot_proto::inbox::Ask;
use pilot_proto::{Event, Mode, RunId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A driver, what it asks, and what it has done so far, a line a step.
pub(crate) struct Heard {
    pub(crate) driver: Box<dyn Driver>,
    pub(crate) asks: BTreeMap<String, Ask>,
    pub(crate) steps: String,
}

impl Heard {
    pub(crate) fn new(driver: Box<dyn Driver>) -> Self {
        Self { driver, asks: BTreeMap::new(), steps: String::new() }
    }
}

/// An agent's way to be recorded.
pub(crate) trait Replay {
    fn heard(&mut self) -> &mut Heard;

    /// The recorder's line: what a person did.
    fn sent(&mut self, message: &Value);

    /// The program's line.
    fn received(&mut self, line: &str) {
        let steps = self.heard().driver.line(line);
        self.note(steps);
    }

    /// The driver wrote this to the program.
    fn wrote(&mut self, _text: &str) {}

    /// Writes down what the driver did. What it wants ruled goes on.
    fn note(&mut self, steps: Vec<Step>) {
        for step in steps {
            let heard = self.heard();
            heard.steps.push_str(&shown(&step));
            heard.steps.push('\n');
            match &step {
                Step::Ask { key, ask } => {
                    heard.asks.insert(key.clone(), ask.clone());
                }
                Step::Write(text) => self.wrote(text),
                Step::Check { key, ask } => {
                    let steps = heard.driver.ruled(key, ask, &Ruling::Go);
                    self.note(steps);
                }
                _ => {}
            }
        }
    }
}

/// A start as of a recorded run.
pub(crate) fn start(program: &str, mode: Mode) -> Start {
    Start {
        run: RunId(uuid::Uuid::nil()),
        prompt: "the first prompt".to_owned(),
        model: None,
        mode,
        ruled: false,
        resume: None,
        home: "/srv/demo/run/home".into(),
        tree: "/srv/demo/run/tree".into(),
        tmp: "/srv/demo/run/tmp".into(),
        program: program.into(),
        provider: None,
        attachments: Vec::new(),
        tools: None,
    }
}

fn replayed(mut replay: impl Replay, transcript: &str) -> String {
    for line in transcript.lines() {
        let (direction, line) = line.split_at(2);
        if direction == "< " {
            replay.received(line);
        } else {
            replay.sent(&serde_json::from_str(line).expect("the recorder wrote JSON"));
        }
    }
    let steps = replay.heard().driver.exited(Some(0), "");
    replay.note(steps);
    std::mem::take(&mut replay.heard().steps)
}

/// Replays every transcript of a folder, of which there are at least so many;
/// `open` begins one, by its name and its text.
#[expect(clippy::disallowed_methods, reason = "a test's settings are its environment")]
pub(crate) fn all<R: Replay>(folder: &str, least: usize, open: impl Fn(&str, &str) -> R) {
    let update = std::env::var("PILOTHOUSE_UPDATE_SNAPSHOTS").is_ok();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(folder);
    let names = names(&folder);
    assert!(names.len() >= least, "all transcripts must be replayed, not only {names:?}");
    for name in names {
        let path = folder.join(format!("{name}.txt"));
        let transcript = std::fs::read_to_string(path).expect("readable");
        let steps = replayed(open(&name, &transcript), &transcript);
        let beside = folder.join(format!("{name}.steps.txt"));
        if update {
            std::fs::write(&beside, &steps).expect("writable");
        }
        let expected = std::fs::read_to_string(&beside).expect("steps stand beside a transcript");
        assert_eq!(steps, expected, "the driver reads `{name}` differently now");
    }
}

fn names(folder: &PathBuf) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the transcripts are in the repository")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("plain names"))
        .filter_map(|name| {
            let name = name.strip_suffix(".txt")?;
            (!name.ends_with(".steps")).then(|| name.to_owned())
        })
        .collect();
    names.sort();
    names
}

/// One step on one line.
pub(crate) fn shown(step: &Step) -> String {
    match step {
        Step::Write(text) => format!("write    {}", text.trim_end()),
        Step::Event(Event::Unknown(_)) => "event    unknown".to_owned(),
        Step::Event(event) => format!("event    {}", json(event)),
        Step::Ask { key, ask } => format!("ask      {key} {}", json(ask)),
        Step::Check { key, ask } => format!("check    {key} {}", json(ask)),
        Step::Withdraw { key } => format!("withdraw {key}"),
        Step::TurnEnded { end, usage, denials, summary, problem } => {
            let mut line = format!("turn     {end:?} denials={denials} {}", json(usage));
            write!(line, " {summary:?} {}", json(problem)).expect("a string takes anything");
            line
        }
        Step::CloseInput => "close input".to_owned(),
        Step::Terminate => "terminate".to_owned(),
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain data serialises")
}
