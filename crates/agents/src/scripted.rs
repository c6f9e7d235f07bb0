//! The built-in agent: it does what the lines of its prompt say, so that a
//! first task needs no account, and a test no model.

use crate::driver::{Driver, Launch, Start, Step};
use crate::probe::Probe;
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::{Mode, Stream};
use std::io::{BufRead, Write};
use std::path::Path;

/// Its name in tasks and projects.
pub const NAME: &str = "scripted";

/// The hidden subcommand of `pilot` that is the agent's program.
pub const SUBCOMMAND: &str = "agent-scripted";

/// How a doctor finds it.
pub const PROBE: Probe = Probe { agent: NAME, program: None, args: &[], mend: "" };

/// The driver.
pub struct Scripted {
    start: Start,
}

impl Scripted {
    /// A driver that has not begun yet.
    pub fn new(start: Start) -> Self {
        Self { start }
    }
}

/// The program on this process' own standard streams, in its working
/// directory; `args` are those after the subcommand. Returns the exit code.
pub fn main(args: &[String]) -> u8 {
    u8::from(!args.is_empty())
}

/// The program. Returns its exit code.
pub fn run(
    stdin: impl BufRead + Send + 'static,
    stdout: &mut impl Write,
    stderr: &mut impl Write,
    tree: &Path,
    mode: Mode,
) -> u8 {
    drop((stdin, stdout, stderr, tree, mode));
    0
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
        Vec::new()
    }
    fn stream(&self, line: &[u8]) -> Stream {
        if line.first() == Some(&0x1e) { Stream::Protocol } else { Stream::Stdout }
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
