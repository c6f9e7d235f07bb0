//! The words of `pilot project`.

use super::issue::ProjectTrigger;
use super::pull_requests::ProjectPullRequests;
use super::schedule::ProjectSchedule;
use super::task::{AgentName, RuleWords, rounds};
use clap::{Args, Subcommand, ValueEnum};
use pilot_proto::WallsKind;
use pilot_proto::network::{GateMode, NetworkPreset};

#[derive(Debug, Subcommand)]
pub(crate) enum Project {
    /// Add or change a project; its policy, walls and secrets stay
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
        /// Profile of tasks that name none, or `none`
        #[arg(long, value_name = "NAME")]
        profile: Option<String>,
        /// Claude Remote Control for tasks that say nothing else: yes, or no
        #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
        remote_control: Option<bool>,
    },
    /// List projects
    List,
    /// Show or change what a project's runs may reach
    Policy(ProjectPolicy),
    /// Show or change what a project's agents may do unasked, and what never
    Permissions(ProjectPermissions),
    /// Show or change the walls around a project's runs
    Walls(ProjectWalls),
    /// Show or change which secrets a project's runs may use
    Secret(ProjectSecret),
    /// Show or change the buttons of its runs' terminals and screens
    Action(ProjectActions),
    /// Show or change which tasks a project's agents may file by themselves
    Children(ProjectChildren),
    /// Show or change who looks at the work of a project's tasks before it is published
    Review(ProjectReview),
    /// Show or change which issues of a project become tasks by themselves
    Trigger(Box<ProjectTrigger>),
    /// Show or change what a project files by the clock
    Schedule(ProjectSchedule),
    /// Show or change how a project's pull requests are made, and what follows on them
    PullRequests(Box<ProjectPullRequests>),
    /// Remove a project that has no task under way
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ProjectReview {
    /// The project's name
    pub(crate) name: String,
    /// This agent looks at the work of every task that says nothing else
    #[arg(long, value_name = "AGENT[:MODEL]", conflicts_with = "off")]
    pub(crate) by: Option<AgentName>,
    /// How often its findings go back to the first agent at most
    #[arg(long, value_name = "N", value_parser = rounds, conflicts_with = "off")]
    pub(crate) rounds: Option<u32>,
    /// Nobody does
    #[arg(long)]
    pub(crate) off: bool,
}

#[derive(Debug, Args)]
#[command(after_help = RULES)]
pub(crate) struct ProjectPolicy {
    /// The project's name
    pub(crate) name: String,
    /// Let its runs reach this, also those at work; repeatable
    #[arg(long, value_name = "RULE")]
    pub(crate) allow: Vec<String>,
    /// Never let its runs reach this, whatever else allows it; repeatable
    #[arg(long, value_name = "RULE")]
    pub(crate) deny: Vec<String>,
    /// Take a rule away, allowed or denied; repeatable
    #[arg(long, value_name = "RULE")]
    pub(crate) remove: Vec<String>,
    /// Add a ready-made set of rules; repeatable
    #[arg(long, value_enum, value_name = "PRESET")]
    pub(crate) preset: Vec<PresetName>,
    /// Take a ready-made set of rules away; repeatable
    #[arg(long, value_enum, value_name = "PRESET")]
    pub(crate) no_preset: Vec<PresetName>,
    /// What becomes of that which no rule names
    #[arg(long, value_enum)]
    pub(crate) gate: Option<GateName>,
    /// Add what a run needed: a task, or a run of one
    #[arg(long, value_name = "RUN_OR_TASK")]
    pub(crate) from_run: Option<String>,
    /// Yes, without the gate
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
#[command(after_help = PERMISSIONS)]
pub(crate) struct ProjectPermissions {
    /// The project's name
    pub(crate) name: String,
    #[command(subcommand)]
    pub(crate) what: Option<PermissionsWords>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PermissionsWords {
    /// Show the rules
    List,
    /// Let its agents do this without asking, also those at work
    Allow(RuleWords),
    /// Have a person asked for this, whatever a task's mode
    Ask(RuleWords),
    /// Never let its agents do this; they are told, and go on
    Never(RuleWords),
    /// Take away rules: those that name exactly this, or the one of this number
    Remove {
        /// Its number in the list
        number: Option<usize>,
        #[command(flatten)]
        rule: RuleWords,
    },
}

const PERMISSIONS: &str =
    "Of the rules that fit, never goes before ask, and ask before allow; where none fits the
task's mode decides. A command line of several commands is allowed only where each
of them is, and is never where one of them may be.
  pilot project permissions demo allow --command 'cargo *'
  pilot project permissions demo never --command 'git push*'
  pilot project permissions demo ask --tool Write --path 'migrations/**'";

const RULES: &str = "A rule is one of
  example.org               this host, ports 80 and 443
  example.org:8443          this port of it
  *.example.org             every name below it, not itself
  10.1.0.0/16:5432          a network; private addresses are reached only so
  http://example.org/path   plain HTTP, this path and what is below it";

#[derive(Debug, Args)]
pub(crate) struct ProjectWalls {
    /// The project's name
    pub(crate) name: String,
    /// Which kind
    #[arg(long, value_enum)]
    pub(crate) kind: Option<WallsName>,
    /// Memory of all processes of a run, in MiB, or `none`
    #[arg(long, value_name = "N", value_parser = limit)]
    pub(crate) memory_mb: Option<Limit>,
    /// Processes and threads of a run, or `none`
    #[arg(long, value_name = "N", value_parser = limit)]
    pub(crate) pids: Option<Limit>,
    /// Processor time in percent of one core, or `none`
    #[arg(long, value_name = "N", value_parser = limit)]
    pub(crate) cpu_percent: Option<Limit>,
    /// What a run may write, in MiB, or `none`
    #[arg(long, value_name = "N", value_parser = limit)]
    pub(crate) disk_mb: Option<Limit>,
    /// Yes, without walls
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ProjectChildren {
    /// The project's name
    pub(crate) name: String,
    /// How many one task may file, those of its children counted in; 0: none
    #[arg(long, value_name = "N")]
    pub(crate) tasks: Option<u32>,
    /// How deep the tree may grow below a task that a person filed
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<u32>,
    /// What all of them together may spend on models, in US dollars, or `none`
    #[arg(long, value_name = "DOLLARS", value_parser = budget)]
    pub(crate) budget: Option<Limit>,
}

pub(super) fn budget(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit::Off);
    }
    super::task::dollars(text).map(Limit::At)
}

/// A limit, or that there is to be none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// None.
    Off,
    /// This much.
    At(u64),
}

impl From<Limit> for Option<u64> {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::Off => None,
            Limit::At(value) => Some(value),
        }
    }
}

fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit::Off);
    }
    text.parse().map(Limit::At).map_err(|_| "it is a whole number, or `none`".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct ProjectSecret {
    /// The project's name
    pub(crate) name: String,
    #[command(subcommand)]
    pub(crate) command: Option<ProjectSecretCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectSecretCommand {
    /// Let its runs use a secret, or deliver it in another way
    Add {
        /// The secret's name, as `pilot secret list` shows it
        secret: String,
        #[command(flatten)]
        delivery: Delivery,
        /// With --file: who may read it, in octal; without it, the run alone
        #[arg(long, value_name = "MODE", requires = "file", value_parser = mode)]
        mode: Option<u32>,
    },
    /// Take a secret from its runs
    Remove {
        /// The secret's name
        secret: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ProjectActions {
    /// The project's name
    pub(crate) name: String,
    #[command(subcommand)]
    pub(crate) command: Option<ProjectActionCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectActionCommand {
    /// Add a button, or change what it types
    Add {
        /// What the button says
        action: String,
        /// The command line that it types into the terminal
        #[arg(long, value_name = "CMD")]
        run: String,
    },
    /// Take a button away
    Remove {
        /// What the button says
        action: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Delivery {
    /// As this environment variable
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) env: Option<String>,
    /// As this file in the run's directory of secrets, which is in memory
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<String>,
    /// As an open file, whose number is in the variable NAME_FD
    #[arg(long)]
    pub(crate) fd: bool,
}

fn mode(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 8).map_err(|_| "it is an octal number such as 0400".to_owned())
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PresetName {
    /// npm, yarn, pnpm and Node itself
    Npm,
    /// crates.io and rustup
    Crates,
    /// PyPI
    Pypi,
    /// Debian's and Ubuntu's archives
    Debian,
    /// Go modules
    Go,
    /// The host of the project's own repository and forge
    Forge,
}

impl From<PresetName> for NetworkPreset {
    fn from(name: PresetName) -> Self {
        match name {
            PresetName::Npm => Self::Npm,
            PresetName::Crates => Self::Crates,
            PresetName::Pypi => Self::Pypi,
            PresetName::Debian => Self::Debian,
            PresetName::Go => Self::Go,
            PresetName::Forge => Self::Forge,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GateName {
    /// It is refused, and a person is asked
    Enforce,
    /// It passes and is written down, to make a policy of it
    Learn,
    /// There is no gate: the machine's own network, unwatched
    Off,
}

impl From<GateName> for GateMode {
    fn from(name: GateName) -> Self {
        match name {
            GateName::Enforce => Self::Enforce,
            GateName::Learn => Self::Learn,
            GateName::Off => Self::Off,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WallsName {
    /// The best that the runner's machine can do
    Auto,
    /// Own namespaces
    Bubblewrap,
    /// Landlock and seccomp: less
    Landlock,
    /// A container of Docker or Podman
    Container,
    /// None: the agent can do what the runner's user can
    Off,
}

impl From<WallsName> for WallsKind {
    fn from(name: WallsName) -> Self {
        match name {
            WallsName::Auto => Self::Auto,
            WallsName::Bubblewrap => Self::Bubblewrap,
            WallsName::Landlock => Self::Landlock,
            WallsName::Container => Self::Container,
            WallsName::Off => Self::Off,
        }
    }
}
