//! Claude Code over its bidirectional stream-json protocol.

use crate::driver::{Driver, Launch, Start, Step};
use crate::probe::Probe;
use pilot_proto::Stream;
use pilot_proto::inbox::{Answer, Ask};
use std::path::{Path, PathBuf};

/// Its name in tasks and projects.
pub const NAME: &str = "claude";

/// How a doctor finds it.
pub const PROBE: Probe = Probe {
    agent: NAME,
    program: Some("claude"),
    args: &["--version"],
    mend: "npm install -g @anthropic-ai/claude-code",
};

/// See [`crate::session_file`].
pub fn session_file(home: &Path, tree: &Path, session: &str) -> PathBuf {
    let project: String = tree
        .to_string_lossy()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    home.join(".claude/projects").join(project).join(format!("{session}.jsonl"))
}

/// The driver.
pub struct Claude {
    start: Start,
}

impl Claude {
    /// A driver that has not begun yet.
    pub fn new(start: Start) -> Self {
        Self { start }
    }
}

impl Driver for Claude {
    fn launch(&self) -> Launch {
        Launch {
            program: self.start.program.clone(),
            args: Vec::new(),
            env: Vec::new(),
            files: Vec::new(),
        }
    }
    fn begin(&mut self) -> Vec<Step> {
        Vec::new()
    }
    fn stream(&self, _line: &[u8]) -> Stream {
        Stream::Protocol
    }
    fn line(&mut self, _line: &str) -> Vec<Step> {
        Vec::new()
    }
    fn say(&mut self, _text: &str) -> Vec<Step> {
        Vec::new()
    }
    fn interrupt(&mut self) -> Vec<Step> {
        Vec::new()
    }
    fn answer(&mut self, _key: &str, _ask: &Ask, _answer: &Answer) -> Vec<Step> {
        Vec::new()
    }
    fn end(&mut self) -> Vec<Step> {
        vec![Step::CloseInput]
    }
    fn exited(&mut self, _code: Option<i32>, _stderr: &str) -> Vec<Step> {
        Vec::new()
    }
}
