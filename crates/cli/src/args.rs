//! The command line, as clap reads it. Words only; what they do is in `commands`.

mod task;

pub(crate) use task::*;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
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
    /// Remove a forge that no project uses, and its token
    Remove {
        /// Its name
        name: String,
    },
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
    /// Remove a model provider and its key
    Remove {
        /// Its name
        name: String,
    },
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
