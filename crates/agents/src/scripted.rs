//! The built-in agent: it does what the lines of its prompt say, so that a
//! first task needs no account, and a test no model.
//!
//! Two halves that meet over a pipe: [`Scripted`], the driver, and [`run`], the
//! program, which `pilot` runs as the hidden subcommand [`SUBCOMMAND`]. On the
//! program's standard output a protocol line begins with a record separator
//! (`\x1e`); every other line is plain output. So a million printed lines cost
//! nobody any parsing.
//!
//! What a prompt can say stands in [`HELP`].

mod act;
mod conversation;
mod program;
mod protocol;
mod script;
mod shell;

pub use conversation::Scripted;
pub use program::{main, run};

use crate::catalog::SessionPlace;
use crate::driver::{Driver, Start};
use crate::probe::Probe;
use pilot_proto::runner::Abilities;
use std::path::Path;

/// Its name in tasks and projects.
pub const NAME: &str = "scripted";

/// The hidden subcommand of `pilot` that is the agent's program.
pub const SUBCOMMAND: &str = "agent-scripted";

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
            resume: true,
            approvals: true,
            goes_on_refused: true,
            questions: true,
            plan: true,
            steer: false,
            interrupt: true,
            images: false,
            usage: true,
            cost: true,
        }
    }

    fn driver(&self, start: Start) -> Box<dyn Driver> {
        Box::new(Scripted::new(start))
    }

    fn session(&self, _tree: &Path, _session: &str) -> Option<SessionPlace> {
        None
    }
}

/// The script that an empty prompt stands for, if the repository has it.
pub const DEMO: &str = "demo.pilot";

/// What the program prints for `--help`.
pub const HELP: &str = "\
The scripted agent does what the lines of its prompt say, one command a line.

  write PATH TEXT          write a file: TEXT and a line end (`\\n`, `\\t`, `\\\\` are read)
  append PATH TEXT         add to a file
  delete PATH              remove a file or directory
  rename FROM TO           rename a file
  run COMMAND              run a shell command in the tree; its output is shown
  commit MESSAGE           commit everything
  say TEXT                 say something
  think TEXT               think aloud
  todos x A | > B | C      show a to-do list: A is done, B under way, C to come
  tool NAME WHAT => TEXT   report a tool call that gave TEXT and did nothing
  tool NAME WHAT !> TEXT   the same, refused or failed
  subagent WHAT            what follows is a subagent's, up to `end-subagent`
  end-subagent TEXT        TEXT is what the subagent came to
  print N [PREFIX]         print N numbered lines as fast as possible
  lines-per-second R N     print N numbered lines, R a second
  output TEXT              print TEXT (`\\r` and `\\e` are read as well, for colours)
  stderr TEXT              print a line to standard error
  fill PATH N [PREFIX]     write a file of N numbered lines
  artifact PATH TEXT       leave a file for people, outside of the tree
  ask QUESTION | A | B     ask a person to choose; later `${answer}` is the answer;
                           `A :: WHY` describes an option
  permit TOOL COMMAND      ask for permission, then run COMMAND (mode auto: no asking)
  plan TEXT                have a plan approved (mode auto: no asking)
  usage IN OUT MICROS      count tokens, and millionths of a dollar
  retry N MS REASON        try N of a request failed, the next is in MS; waits so long
  limit SECS REASON        the provider's limit is used up for so many seconds
  sleep-ms N               wait
  wait-file PATH           wait until a file is there
  fail MESSAGE             end the turn with an error
  exit CODE                end the process in the middle of the turn
  nothing                  do nothing

Lines that begin with `#` are comments; other lines that are no command are
skipped with a note. A prompt without any command is written to NOTES.md. An
empty prompt runs the file `demo.pilot` of the repository, if there is one.
";
