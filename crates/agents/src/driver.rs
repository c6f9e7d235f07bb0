//! What every agent's driver is given and what it gives back.

use crate::attached::Attached;
use crate::own_tools::OwnTools;
use pilot_proto::event::TurnEnd;
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::project::ProviderGrant;
use pilot_proto::run::{RemoteControl, Usage};
use pilot_proto::{Code, Event, Mode, Problem, RunId, Stream};
use std::fmt;
use std::path::PathBuf;

/// Everything a driver needs to start its agent.
#[derive(Debug, Clone)]
pub struct Start {
    /// The run; also the session's id where the agent lets us choose one.
    pub run: RunId,
    /// The first prompt. On a resume: what the old session is told next.
    pub prompt: String,
    /// Which model; none: the agent's default.
    pub model: Option<String>,
    /// How much the agent may do by itself.
    pub mode: Mode,
    /// A rule of the project may refuse, or want asked, what the agent asks
    /// nobody for in this mode: it is to ask us all the same.
    pub ruled: bool,
    /// The agent's own id of a session to go on with. Its file, if it has one
    /// ([`crate::Agent::session`]), must be in place.
    pub resume: Option<String>,
    /// The run's private HOME.
    pub home: PathBuf,
    /// The working tree, as a real path without symbolic links.
    pub tree: PathBuf,
    /// The run's private directory for temporary files.
    pub tmp: PathBuf,
    /// The agent's program. For `scripted`: the `pilot` binary.
    pub program: PathBuf,
    /// Login for the model.
    pub provider: Option<ProviderGrant>,
    /// Files that go with the first prompt.
    pub attachments: Vec<Attached>,
    /// Our own tools for it; none where the run has no socket.
    pub tools: Option<OwnTools>,
}

/// How to start the agent's process. Its working directory is the tree.
#[derive(Clone, PartialEq, Eq)]
pub struct Launch {
    /// What to execute.
    pub program: PathBuf,
    /// With which arguments.
    pub args: Vec<String>,
    /// Additions to an environment from nothing. Never an empty value: to many
    /// programs an empty variable is a set one.
    pub env: Vec<(String, String)>,
    /// Files to put into the private HOME before the start.
    pub files: Vec<HomeFile>,
}

impl fmt::Debug for Launch {
    /// Shows the names of the variables only: a value may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Launch")
            .field("program", &self.program)
            .field("args", &self.args)
            .field("env", &names)
            .field("files", &self.files)
            .finish()
    }
}

/// What a run needs that its vendor may show and steer from afar.
#[derive(Debug, Clone)]
pub struct Remote {
    /// The vendor's own login.
    pub login: RemoteControl,
    /// What the session is called there.
    pub name: String,
}

/// What is run before the agent's process, with no input, to hear whether it
/// would work.
pub struct Preflight {
    /// How to start it; its files are those of the agent.
    pub launch: Launch,
    /// What keeps the agent from working, by exit code and output; `code` none:
    /// it was still running after a while, and was ended.
    pub judge: fn(code: Option<i32>, said: &str) -> Option<Problem>,
}

/// A file of the private HOME.
#[derive(Clone, PartialEq, Eq)]
pub struct HomeFile {
    /// Relative to the HOME; parent directories are made.
    pub path: PathBuf,
    /// What stands in it. No secret but the login of a [`Remote`].
    pub contents: String,
    /// Its permission bits.
    pub mode: u32,
}

impl fmt::Debug for HomeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HomeFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What a driver wants done, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Write this to the agent's standard input, as it is (line ends included).
    Write(String),
    /// Journal this.
    Event(Event),
    /// A person is needed; answer with [`Driver::answer`] under the same key.
    Ask {
        /// The agent's name for the ask.
        key: String,
        /// What is asked.
        ask: Ask,
    },
    /// The agent is about to do what it would ask nobody for; say with
    /// [`Driver::ruled`] under the same key what the rules say.
    Check {
        /// The agent's name for it.
        key: String,
        /// What would be asked.
        ask: Ask,
    },
    /// The ask needs no answer any more.
    Withdraw {
        /// Which.
        key: String,
    },
    /// The turn is over. Which turn it was, the run knows.
    TurnEnded {
        /// Why.
        end: TurnEnd,
        /// What the turn used.
        usage: Usage,
        /// How many tool calls were refused in it.
        denials: u32,
        /// The agent's own last words on it.
        summary: String,
        /// Where it is an error: which.
        problem: Option<Problem>,
    },
    /// Close the agent's standard input; it then ends by itself.
    CloseInput,
    /// Ask the agent's process to end (SIGTERM): it does not by itself.
    Terminate,
}

/// What a project's rules say to what an agent would ask nobody for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// Nothing: it goes on as if nobody had looked.
    Go,
    /// A person is to be asked.
    Ask,
    /// It may not; told to the agent.
    Deny(String),
}

/// A conversation with one agent process.
///
/// More than six methods, because these are the verbs of one protocol and
/// every agent has them all.
pub trait Driver: Send {
    /// How to start the process.
    fn launch(&self) -> Launch;

    /// Variables that must not be in its environment, whoever set them; `*` at
    /// the end of a name stands for any end.
    fn scrubbed(&self) -> &'static [&'static str] {
        &[]
    }

    /// As [`crate::Agent::through`], for this run.
    fn through(&self) -> Option<&'static str> {
        None
    }

    /// What is to be run first, and must not refuse.
    fn preflight(&self) -> Option<Preflight> {
        None
    }

    /// The process runs: greets it and gives it the first prompt. Called once.
    fn begin(&mut self) -> Vec<Step>;

    /// Under which stream the journal keeps a line of the process' standard
    /// output. `Protocol` lines also go to [`Driver::line`]; any other is plain
    /// output for people. Cheap: it is asked for every line.
    fn stream(&self, line: &[u8]) -> Stream;

    /// The process wrote this protocol line (without its end). A line that
    /// makes no sense is no error: it gives no steps.
    fn line(&mut self, line: &str) -> Vec<Step>;

    /// Begins the next turn. To be called between turns.
    fn say(&mut self, text: &str) -> Vec<Step>;

    /// Tells it something in the middle of a turn; none: it hears nothing until
    /// the turn is over, and whoever says it keeps it until then.
    fn steer(&mut self, text: &str) -> Option<Vec<Step>> {
        let _ = text;
        None
    }

    /// Stops the turn and keeps the session. A `TurnEnded` follows from
    /// [`Driver::line`]; between turns nothing happens.
    fn interrupt(&mut self) -> Vec<Step>;

    /// Answers an open ask; nothing happens if it is not open any more. An
    /// [`Answer`] that does not fit the ask is told to the agent as a refusal.
    /// `for_run` is not the driver's: whoever decides remembers it.
    fn answer(&mut self, key: &str, ask: &Ask, answer: &Answer) -> Vec<Step>;

    /// Rules on a [`Step::Check`].
    fn ruled(&mut self, key: &str, ask: &Ask, ruling: &Ruling) -> Vec<Step> {
        match ruling {
            Ruling::Go => self.answer(key, ask, &Answer::ALLOW),
            Ruling::Ask => vec![Step::Ask { key: key.to_owned(), ask: ask.clone() }],
            Ruling::Deny(reason) => self.answer(key, ask, &Answer::Deny { reason: reason.clone() }),
        }
    }

    /// No further turn will come: lets the process end.
    fn end(&mut self) -> Vec<Step>;

    /// The process is gone (`code` none: a signal) and its output read to the
    /// end. Closes open tools and asks, and ends the turn if one was under way.
    /// `stderr` is the tail of its standard error, for the message.
    fn exited(&mut self, code: Option<i32>, stderr: &str) -> Vec<Step>;
}

/// The problem of an agent whose process ended in the middle of a turn.
pub(crate) fn died(code: Option<i32>, stderr: &str) -> Problem {
    let how = match code {
        Some(code) => format!("exited with {code}"),
        None => "was killed by a signal".to_owned(),
    };
    let last = stderr.trim().lines().last().unwrap_or_default();
    let message = if last.is_empty() {
        format!("The agent {how} in the middle of its turn.")
    } else {
        format!("The agent {how} in the middle of its turn: `{last}`.")
    };
    Problem::new(Code::AgentFailed, message).hint("Its last words are in the log.")
}
