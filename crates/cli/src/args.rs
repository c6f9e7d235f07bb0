//! The command line, as clap reads it. Words only; what they do is in `commands`.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use pilot_proto::{Mode, OnTimeout};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Control centre for coding agents on machines you own.
#[derive(Debug, Parser)]
#[command(name = "pilot", version, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  done; with --wait: published, in review or merged
  1  the hub or the runner said no; the message says why
  2  the command line makes no sense
  3  no hub there
  4  with --wait: the task failed
  5  with --wait: the agent changed nothing
  6  with --wait: the task was cancelled, or its pull request closed";

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Globals {
    /// Hub to talk to; without it, the one on this machine
    #[arg(long, global = true, env = "PILOTHOUSE_HUB", value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) hub: Option<String>,
    /// File with the token for --hub; without it, PILOTHOUSE_TOKEN is the token
    #[arg(long, global = true, env = "PILOTHOUSE_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// SHA-256 of the certificate of --hub, hex
    #[arg(long, global = true, env = "PILOTHOUSE_FINGERPRINT", value_name = "HEX")]
    pub(crate) fingerprint: Option<String>,
    /// Where this machine's hub and runner keep their files
    #[arg(long, global = true, env = "PILOTHOUSE_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Print JSON instead of words
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a hub and a runner on this machine, with a demo project
    Up(Up),
    /// Start a hub, or open its pages
    Hub(Hub),
    /// Start a runner, or look after runners
    Runner(Runner),
    /// Forges that pull requests go to
    #[command(subcommand)]
    Forge(Forge),
    /// Model providers that agents use
    #[command(subcommand)]
    Provider(Provider),
    /// Repositories and their settings
    #[command(subcommand)]
    Project(Project),
    /// File tasks, watch them, steer them
    #[command(subcommand)]
    Task(Task),
    /// What needs a person, oldest first
    Inbox {
        /// Answered ones, too
        #[arg(long)]
        all: bool,
    },
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// One run's own process; started by the runner
    #[command(hide = true)]
    Shim {
        run_dir: PathBuf,
        #[arg(long)]
        recover: bool,
    },
    /// The built-in deterministic agent; started by the shim
    #[command(hide = true, name = "agent-scripted")]
    AgentScripted,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR:PORT")]
    pub(crate) listen: SocketAddr,
    /// Runs at once
    #[arg(long, default_value_t = default_workers(), value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) workers: u32,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Hub {
    #[command(subcommand)]
    pub(crate) command: Option<HubCommand>,
    #[command(flatten)]
    pub(crate) start: HubStart,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HubCommand {
    /// Print a link that signs one browser in as you
    Open {
        /// Open it on this desktop as well
        #[arg(long)]
        open: bool,
        /// How long it can be used
        #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
        valid_secs: u64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct HubStart {
    /// Address to listen on; anything but loopback is served with TLS
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR:PORT")]
    pub(crate) listen: SocketAddr,
    /// Database; without it, SQLite in the data directory
    #[arg(long, env = "PILOTHOUSE_STORE", hide_env_values = true, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// Address that runners and links in pull requests use
    #[arg(long, env = "PILOTHOUSE_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Make the demo project
    #[arg(long)]
    pub(crate) demo: bool,
    /// Seconds between looks at open pull requests
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) poll_secs: u64,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Runner {
    #[command(subcommand)]
    pub(crate) command: Option<RunnerCommand>,
    #[command(flatten)]
    pub(crate) start: RunnerStart,
}

#[derive(Debug, Args)]
pub(crate) struct RunnerStart {
    /// Single-use code from `pilot runner join-code`
    #[arg(long, value_name = "CODE")]
    pub(crate) join: Option<String>,
    /// Runs at once
    #[arg(long, default_value_t = default_workers(), value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) workers: u32,
    /// What the runner calls itself; without it, the machine's name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Take one task, and end when it is done
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunnerCommand {
    /// Make a single-use code that enrols one runner
    JoinCode {
        /// How long it can be used
        #[arg(long, default_value_t = 900, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
        valid_secs: u64,
    },
    /// List runners
    List,
    /// Refuse a runner from now on
    Revoke {
        /// Its id, or the last digits of it
        runner: String,
    },
    /// Say what this machine lacks to run agents, and the mend
    Doctor,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Forge {
    /// Add or change a forge; its token is checked first
    Add {
        /// Your name for it
        name: String,
        /// Which API it speaks (Forgejo speaks gitea)
        #[arg(long, value_enum)]
        kind: ForgeKind,
        /// Base URL of its web interface
        #[arg(long)]
        url: String,
        /// Read the access token from standard input
        #[arg(long, required = true)]
        token_stdin: bool,
    },
    /// List forges
    List,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ForgeKind {
    Gitea,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Provider {
    /// Add or change a model provider
    Add {
        /// Your name for it
        name: String,
        /// Which API it speaks
        #[arg(long, value_enum)]
        kind: ProviderKind,
        /// Somewhere else than the vendor's own endpoint
        #[arg(long, value_name = "URL")]
        base_url: Option<String>,
        /// Read the key from standard input
        #[arg(long, required = true)]
        key_stdin: bool,
    },
    /// List model providers
    List,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ProviderKind {
    Anthropic,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Project {
    /// Add or change a project
    Add {
        /// Your name for it
        name: String,
        /// Clone URL, or a path on this machine
        #[arg(long, value_name = "URL")]
        repo: String,
        /// Forge its pull requests go to; without it, branches are only pushed
        #[arg(long, value_name = "NAME")]
        forge: Option<String>,
        /// Branch that tasks start from; without it, the remote's default
        #[arg(long, value_name = "BRANCH")]
        base: Option<String>,
        /// Agent for tasks that name none
        #[arg(long, default_value = "claude", value_name = "AGENT")]
        agent: String,
        /// Command line to run in the fresh clone before the agent; repeatable
        #[arg(long, value_name = "CMD")]
        setup: Vec<String>,
    },
    /// List projects
    List,
    /// Remove a project that has no task under way
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// File a task
    New(Box<TaskNew>),
    /// List tasks, newest first
    List {
        /// Only of this project
        #[arg(long)]
        project: Option<String>,
        /// Only in this state (queued, working, needs_you, in_review, …)
        #[arg(long)]
        state: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
    },
    /// Show a task and its runs
    Show(TaskName),
    /// Print a task's log
    Log(TaskLog),
    /// Print what a task changed
    Diff(TaskDiff),
    /// Answer what a task waits for
    Answer(TaskAnswer),
    /// Tell the agent something: queued while it works, a new run when it is done
    Say {
        #[command(flatten)]
        task: TaskName,
        /// What to tell it
        text: String,
    },
    /// Stop the agent's turn and keep its session
    Interrupt(TaskName),
    /// End a task; its work is rescued, nothing is published
    Stop(TaskName),
    /// Run a task again from its base
    Retry(TaskName),
    /// Continue the last run's session, on its work
    Resume {
        #[command(flatten)]
        task: TaskName,
        /// What to tell the agent
        text: Option<String>,
    },
    /// Fetch unpublished work as a git bundle
    Rescue {
        #[command(flatten)]
        task: TaskName,
        /// File to write
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Wait until a task is done
    Wait(TaskName),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TaskName {
    /// Task: its id, or the last digits of it
    pub(crate) task: String,
}

#[derive(Debug, Args)]
pub(crate) struct TaskNew {
    /// Project
    #[arg(long, short)]
    pub(crate) project: String,
    /// Agent; without it, the project's
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// Model; without it, the agent's default
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// How much the agent may do by itself
    #[arg(long, value_enum, default_value_t = ModeName::Auto)]
    pub(crate) mode: ModeName,
    /// What happens when nobody answers in time
    #[arg(long, value_enum, default_value_t = OnTimeoutName::Proceed)]
    pub(crate) on_timeout: OnTimeoutName,
    /// Seconds a person has to answer
    #[arg(long, value_name = "SECONDS")]
    pub(crate) answer_secs: Option<u64>,
    /// Seconds the agent may work
    #[arg(long, value_name = "SECONDS")]
    pub(crate) agent_secs: Option<u64>,
    /// Branch to start from; without it, the project's
    #[arg(long, value_name = "BRANCH")]
    pub(crate) base: Option<String>,
    /// Issue that the pull request closes
    #[arg(long, value_name = "N")]
    pub(crate) issue: Option<u64>,
    /// One line for lists; without it, the first of the prompt
    #[arg(long)]
    pub(crate) title: Option<String>,
    #[command(flatten)]
    pub(crate) prompt: Prompt,
    /// Wait until the task is done
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Prompt {
    /// What to do
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
    /// Read what to do from a file
    #[arg(long, value_name = "FILE")]
    pub(crate) prompt_file: Option<PathBuf>,
    /// Read what to do from standard input
    #[arg(long)]
    pub(crate) prompt_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TaskLog {
    #[command(flatten)]
    pub(crate) task: TaskName,
    /// Go on until the run is over
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only what the journal holds after this sequence number
    #[arg(long, value_name = "SEQ")]
    pub(crate) from: Option<u64>,
    /// First line to print, from 0
    #[arg(long, value_name = "N", conflicts_with = "from")]
    pub(crate) line: Option<u64>,
    /// At most this many lines
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) lines: Option<u64>,
    /// Only lines with this text
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["follow", "from"])]
    pub(crate) search: Option<String>,
    /// The text is a regular expression
    #[arg(long, requires = "search")]
    pub(crate) regex: bool,
    /// Upper and lower case are the same
    #[arg(long, short, requires = "search")]
    pub(crate) ignore_case: bool,
    /// Whole journal records instead of log lines (with --json)
    #[arg(long, requires = "json", conflicts_with = "search")]
    pub(crate) records: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TaskDiff {
    #[command(flatten)]
    pub(crate) task: TaskName,
    /// Only these files
    pub(crate) paths: Vec<String>,
    /// Old and new next to each other
    #[arg(long, short)]
    pub(crate) side_by_side: bool,
    /// Only the list of files
    #[arg(long, conflicts_with = "side_by_side")]
    pub(crate) stat: bool,
    /// As it was at this sequence number of the journal
    #[arg(long, value_name = "SEQ")]
    pub(crate) at: Option<u64>,
    /// Equal lines around each change
    #[arg(long, short = 'U', default_value_t = 3, value_name = "N")]
    pub(crate) context: u32,
}

#[derive(Debug, Args)]
pub(crate) struct TaskAnswer {
    /// Task that waits, or the inbox item's id
    pub(crate) task: String,
    #[command(flatten)]
    pub(crate) answer: AnswerWords,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct AnswerWords {
    /// Permission: yes, once. Plan: approved
    #[arg(long)]
    pub(crate) allow: bool,
    /// Permission: yes, for this tool and the rest of this run
    #[arg(long)]
    pub(crate) allow_for_run: bool,
    /// No, and why; the agent is told and goes on
    #[arg(long, value_name = "REASON")]
    pub(crate) deny: Option<String>,
    /// Question: the answer, or QUESTION=ANSWER where there are several; repeatable
    #[arg(long, value_name = "ANSWER")]
    pub(crate) choose: Vec<String>,
    /// Interrupted: go on with this
    #[arg(long, value_name = "TEXT")]
    pub(crate) say: Option<String>,
    /// Interrupted: nothing more, collect what is there
    #[arg(long)]
    pub(crate) end: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ModeName {
    Auto,
    Ask,
    Plan,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Auto => Self::Auto,
            ModeName::Ask => Self::Ask,
            ModeName::Plan => Self::Plan,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OnTimeoutName {
    Proceed,
    Pause,
    Cancel,
}

impl From<OnTimeoutName> for OnTimeout {
    fn from(name: OnTimeoutName) -> Self {
        match name {
            OnTimeoutName::Proceed => Self::Proceed,
            OnTimeoutName::Pause => Self::Pause,
            OnTimeoutName::Cancel => Self::Cancel,
        }
    }
}

/// Two cores run one agent each without stepping on each other; more would
/// only make every run slower. At least two, so that one stuck run does not
/// stop the line.
fn default_workers() -> u32 {
    std::thread::available_parallelism()
        .map_or(2, |cores| u32::try_from(cores.get()).unwrap_or(2))
        .max(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
