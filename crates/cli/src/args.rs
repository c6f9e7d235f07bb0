//! The command line, as clap reads it. Words only; what they do is in `commands`.

mod agent;
pub(crate) mod forge;
mod inside;
mod issue;
mod project;
mod provider;
mod pull_requests;
mod recording;
mod schedule;
mod task;
pub(crate) mod vault;

pub(crate) use agent::*;
pub(crate) use inside::*;
pub(crate) use issue::*;
pub(crate) use project::*;
pub(crate) use provider::*;
pub(crate) use pull_requests::*;
pub(crate) use recording::*;
pub(crate) use schedule::*;
pub(crate) use task::*;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
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
  0  done; with --wait: published, in review, merged, or ready for a look
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
    Forge(forge::Forge),
    /// Model providers that agents use
    #[command(subcommand)]
    Provider(Provider),
    /// Named ways of working: agent, login, model, limits
    #[command(subcommand)]
    Profile(Profile),
    /// Agents that are installed in this machine's runner, each in one version
    #[command(subcommand)]
    Agent(Agent),
    /// Repositories and their settings
    #[command(subcommand)]
    Project(Project),
    /// Secrets that projects may use
    #[command(subcommand)]
    Secret(Secret),
    /// Vaults that secrets are read from
    #[command(subcommand)]
    Vault(vault::Vault),
    /// What models cost
    #[command(subcommand)]
    Price(Price),
    /// File tasks, watch them, steer them
    #[command(subcommand)]
    Task(Task),
    /// Browse a project's issues and make tasks of them
    #[command(subcommand)]
    Issue(Issue),
    /// What needs a person, oldest first
    Inbox {
        /// Answered ones, too
        #[arg(long)]
        all: bool,
    },
    /// Run a command of your own in the walls of a run, to see what holds
    ///
    /// The command sees a throw-away home and an empty workspace, or the one of
    /// `--tree`, and reaches what a new project's runs may reach. What the walls
    /// are and what was tried is said at the end, on standard error. With `--task`
    /// the command runs in the walls of that task's run, on the runner's machine.
    #[command(name = "run-in-walls")]
    RunInWalls(RunInWalls),
    /// For what runs inside a run's walls: report, ask, leave files, file tasks
    #[command(subcommand)]
    Inside(Inside),
    /// The tools of a run for its agent; started by the agent
    #[command(hide = true, name = "workspace-mcp")]
    WorkspaceMcp,
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
        /// Instead of a run: try the agent that standard input names
        #[arg(long, conflicts_with = "recover")]
        trial: bool,
    },
    /// The first process inside a run's walls; started by the shim
    #[command(hide = true, name = "walls-init")]
    WallsInit { arguments: Vec<String> },
    /// The built-in deterministic agent; started by the shim
    #[command(hide = true, name = "agent-scripted")]
    AgentScripted,
    /// What speaks HTTP with a declared AgentAPI server; started by the shim
    #[command(hide = true, name = "agent-api", disable_help_flag = true)]
    AgentApi {
        /// The server's program and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The same, and its screen stays inside; started by the shim
    #[command(hide = true, name = "agent-screen", disable_help_flag = true)]
    AgentScreen {
        /// The agent's program and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// A terminal inside a run's walls for a person; started by the shim
    #[command(hide = true, name = "inside-terminal", disable_help_flag = true)]
    InsideTerminal {
        /// Columns, rows, the shell and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// A connection to a port inside a run's walls; started by the shim
    #[command(hide = true, name = "inside-port")]
    InsidePort { arguments: Vec<String> },
    /// A terminal around an agent that wants one; started by the shim
    #[command(hide = true, name = "agent-terminal", disable_help_flag = true)]
    AgentTerminal {
        /// The agent's program and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunInWalls {
    /// In the walls of this task's run instead: its id, or the last digits of it
    #[arg(long, value_name = "TASK", conflicts_with_all = ["tree", "allow", "gate", "kind"])]
    pub(crate) task: Option<String>,
    /// The workspace, which the command may write to
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) tree: Option<PathBuf>,
    /// A host that may be reached besides the package registries
    #[arg(long, value_name = "RULE")]
    pub(crate) allow: Vec<String>,
    /// What happens to what no rule names
    #[arg(long, default_value = "enforce")]
    pub(crate) gate: GateName,
    /// Which walls
    #[arg(long, default_value = "auto")]
    pub(crate) kind: WallsName,
    /// Say nothing about the walls
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// The command and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR:PORT")]
    pub(crate) listen: SocketAddr,
    /// Runs at once
    #[arg(long, default_value_t = default_workers(), value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) workers: u32,
    #[command(flatten)]
    pub(crate) credentials: Credentials,
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
    #[command(flatten)]
    pub(crate) credentials: Credentials,
    /// Seconds between looks at open pull requests
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) poll_secs: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Credentials {
    /// Where forge tokens and provider keys are kept; without it, where they
    /// are, at first in a file
    #[arg(long, value_enum, value_name = "WHERE")]
    pub(crate) credentials: Option<CredentialPlace>,
    /// File with the passphrase of `sealed`; without it, PILOTHOUSE_PASSPHRASE is it
    #[arg(long, env = "PILOTHOUSE_PASSPHRASE_FILE", value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CredentialPlace {
    /// The keychain of this machine's system
    Keychain,
    /// A file sealed under a passphrase
    Sealed,
    /// A file that only you may read, as they are
    File,
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
    /// Have a runner look again which agents and tools it has
    Look {
        /// Its id, or the last digits of it
        runner: String,
    },
    /// Refuse a runner from now on
    Revoke {
        /// Its id, or the last digits of it
        runner: String,
    },
    /// Say what this machine lacks to run agents, and the mend
    Doctor {
        /// Start this agent with a trivial prompt and say what came of it; without a
        /// name, every agent that is there
        #[arg(long, value_name = "AGENT", num_args = 0..=1, default_missing_value = "")]
        live: Option<String>,
        /// With --live: on this runner: its name, its id, or the last digits of it
        #[arg(long, value_name = "RUNNER", requires = "live")]
        runner: Option<String>,
        /// With --live: with this provider
        #[arg(long, value_name = "NAME", requires = "live")]
        provider: Option<String>,
        /// With --live: with this model
        #[arg(long, value_name = "MODEL", requires = "live")]
        model: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Keep a secret, or give it a new value: the next runs get that
    Set {
        /// Your name for it
        name: String,
        #[command(flatten)]
        value: SecretValue,
    },
    /// List secrets and who uses them; their values are never shown
    List,
    /// Remove a secret that no project uses
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct SecretValue {
    /// Read it from a file; the newline of a single line is left out
    #[arg(long, value_name = "FILE")]
    pub(crate) from_file: Option<PathBuf>,
    /// Read it from standard input; the newline of a single line is left out
    #[arg(long)]
    pub(crate) stdin: bool,
    /// Read it from a Vault whenever a run starts
    #[arg(long, value_name = "VAULT:MOUNT/PATH#FIELD")]
    pub(crate) vault: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Price {
    /// List your own prices, in dollars for a million tokens
    List,
    /// Set them, all at once; they go before the built-in ones
    Set {
        /// JSON, as `pilot price list --json` prints it (`-`: standard input)
        file: PathBuf,
    },
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
