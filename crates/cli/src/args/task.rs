//! The words of `pilot task`.

mod answer;

pub(crate) use answer::{AnswerWords, RuleWords, TaskAnswer};

use clap::{Args, Subcommand, ValueEnum};
use pilot_proto::{Mode, OnTimeout};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// File a task, or many at once
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
        /// Only those that this task's agent filed
        #[arg(long, value_name = "TASK")]
        parent: Option<String>,
    },
    /// Show a task and its runs
    Show(TaskName),
    /// Print a task's log
    Log(TaskLog),
    /// Print what a task changed
    Diff(TaskDiff),
    /// Show what a run tried to reach, what its models cost, and a policy for it
    Network(TaskNetwork),
    /// Answer what a task waits for
    Answer(TaskAnswer),
    /// Tell the agent something: queued while it works, a new run when it is done
    Say {
        #[command(flatten)]
        task: TaskName,
        /// What to tell it
        text: String,
        /// In the middle of its turn; an agent that does not hear then is told after it
        #[arg(long)]
        now: bool,
    },
    /// Take back what the agent was not told yet
    Unsay {
        #[command(flatten)]
        task: TaskName,
        /// Which, as `pilot task show` names it; without it, what was said last
        word: Option<String>,
    },
    /// Stop the agent's turn and keep its session
    Interrupt(TaskName),
    /// Say that the work is done: what is there is collected and published
    Done(TaskName),
    /// End a task and those below it; their work is rescued, nothing is published
    Stop {
        #[command(flatten)]
        task: TaskName,
        /// The tasks below it go on
        #[arg(long, conflicts_with = "kill")]
        keep_children: bool,
        /// At once: the agents are killed and not asked to end
        #[arg(long)]
        kill: bool,
    },
    /// Begin again where a turn ended: tree and session as they were then
    Retry(TaskRetry),
    /// Run a task again: fresh workspace, fresh session, its own prompt
    Again(TaskName),
    /// Give a task to another runner, agent or model
    Reassign(TaskReassign),
    /// Let work that was held for a look be published
    Publish(TaskName),
    /// Show the tries of a group side by side: changes, tests, time and cost
    Compare {
        /// The group's id, or one of its tasks
        group: String,
    },
    /// Keep this task of a group: it is published, the others are stopped
    Keep(TaskName),
    /// Take a task that has ended off the list of what needs a person
    Dismiss(TaskName),
    /// Send comments on lines of the change, or list those sent
    Review(TaskReview),
    /// Continue: the last run's session, on its work, where it was
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
    /// Open a terminal inside a run's walls; Ctrl-] leaves it
    Terminal(TaskTerminal),
    /// Reach a port inside a run's walls from this machine
    Forward(TaskForward),
    /// Start a run's screen, say who drives it, and take a picture of it
    Screen(TaskScreen),
    /// Take keyboard and pointer of a run's screen; the agent's input is refused meanwhile
    Takeover(TaskName),
    /// Give the screen back to the agent
    Handback(TaskHandback),
    /// What was recorded of a task's screen
    #[command(subcommand)]
    Recording(super::Recording),
}

#[derive(Debug, Args)]
pub(crate) struct TaskScreen {
    #[command(flatten)]
    pub(crate) task: TaskName,
    /// Write what it shows to this file, as PNG
    #[arg(long, value_name = "FILE")]
    pub(crate) screenshot: Option<PathBuf>,
    /// Make a VNC server its screen that the runner's owner allows
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "detach")]
    pub(crate) attach: Option<String>,
    /// The hub's secret that has that server's password
    #[arg(long, value_name = "SECRET", requires = "attach")]
    pub(crate) password: Option<String>,
    /// Give the run its own screen again
    #[arg(long)]
    pub(crate) detach: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TaskHandback {
    #[command(flatten)]
    pub(crate) task: TaskName,
    /// What was done: the agent is told it next
    #[arg(long)]
    pub(crate) note: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TaskTerminal {
    #[command(flatten)]
    pub(crate) task: TaskName,
    /// Only look on
    #[arg(long)]
    pub(crate) view: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TaskForward {
    #[command(flatten)]
    pub(crate) task: TaskName,
    /// Port inside
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// Port on this machine's loopback; without it, the same, or any that is free
    #[arg(long, value_name = "PORT")]
    pub(crate) local: Option<u16>,
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
    /// Profile: what it says counts where nothing else is said; without it, the project's
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Model provider, whose login it uses; without it, the first that fits
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// Let the session be driven from claude.ai (Claude Remote Control): yes, or no
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) remote_control: Option<bool>,
    /// How much the agent may do by itself; without it, the profile's, or auto
    #[arg(long, value_enum)]
    pub(crate) mode: Option<ModeName>,
    /// What happens when nobody answers in time
    #[arg(long, value_enum, default_value_t = OnTimeoutName::Proceed)]
    pub(crate) on_timeout: OnTimeoutName,
    /// Seconds a person has to answer
    #[arg(long, value_name = "SECONDS")]
    pub(crate) answer_secs: Option<u64>,
    /// Seconds the agent may work
    #[arg(long, value_name = "SECONDS")]
    pub(crate) agent_secs: Option<u64>,
    /// Seconds it may wait for its provider's usage limits to end; it then goes on by itself
    #[arg(long, value_name = "SECONDS")]
    pub(crate) quota_secs: Option<u64>,
    /// What its models may cost, in US dollars; more is asked for when it is spent
    #[arg(long, value_name = "DOLLARS", value_parser = dollars, allow_negative_numbers = true)]
    pub(crate) budget: Option<u64>,
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
    /// Show the work to a person before it is published
    #[arg(long)]
    pub(crate) hold: bool,
    /// Have a second agent look at the work before it is published; without it, as the
    /// project says
    #[arg(long, value_name = "AGENT[:MODEL]")]
    pub(crate) review: Option<AgentName>,
    /// With --review: how often its findings go back to the first agent at most
    #[arg(long, value_name = "N", requires = "review", default_value_t = 1, value_parser = rounds)]
    pub(crate) review_rounds: u32,
    /// Best of several: one try by each of these, held until one is kept; repeatable
    #[arg(long = "try", value_name = "AGENT[:MODEL]", conflicts_with_all = ["agent", "model", "from", "wait"])]
    pub(crate) tries: Vec<AgentName>,
    /// Only on this runner: its name, its id, or the last digits of it
    #[arg(long, value_name = "RUNNER")]
    pub(crate) runner: Option<String>,
    /// A picture or text file for the agent; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) attach: Vec<PathBuf>,
    /// File a task for each line of a file (`-`: standard input): a prompt, or the
    /// link of an issue
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompt", "prompt_file", "prompt_stdin", "title", "issue", "wait"])]
    pub(crate) from: Option<PathBuf>,
    /// With --from: at most this many of them at work at once
    #[arg(long, value_name = "N", requires = "from")]
    pub(crate) at_most: Option<u32>,
    /// Wait until the task is done
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TaskRetry {
    #[command(flatten)]
    pub(crate) task: TaskName,
    /// The turn at whose end to begin; 0: where the run began
    #[arg(long, value_name = "N")]
    pub(crate) turn: u32,
    /// Of which run: its number, or its id; without it, the latest
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// What to say instead of what the next turn said
    #[arg(long, value_name = "TEXT")]
    pub(crate) prompt: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TaskReassign {
    #[command(flatten)]
    pub(crate) task: TaskName,
    #[command(flatten)]
    pub(crate) to: Whom,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Whom {
    /// Only on this runner: its name, its id, or the last digits of it
    #[arg(long, value_name = "RUNNER")]
    pub(crate) runner: Option<String>,
    /// By this agent
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// With this model
    #[arg(long)]
    pub(crate) model: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TaskReview {
    #[command(flatten)]
    pub(crate) task: TaskName,
    /// A comment: PATH=TEXT, PATH:LINE=TEXT or PATH:FIRST-LAST=TEXT; repeatable
    #[arg(long, value_name = "WHERE=TEXT")]
    pub(crate) note: Vec<String>,
    /// About the whole change
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// List the comments sent so far instead
    #[arg(long, conflicts_with_all = ["note", "text"])]
    pub(crate) list: bool,
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
pub(crate) struct TaskNetwork {
    #[command(flatten)]
    pub(crate) task: TaskName,
    /// Which run: its number, or its id; without it, the latest
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    /// Only what was refused
    #[arg(long)]
    pub(crate) denied: bool,
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

/// An agent, and which model of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentName {
    pub(crate) agent: String,
    pub(crate) model: Option<String>,
}

impl std::str::FromStr for AgentName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A model's name may hold colons itself.
        let (agent, model) = match text.split_once(':') {
            Some((agent, model)) => (agent, Some(model)),
            None => (text, None),
        };
        if agent.is_empty() || model == Some("") {
            return Err("it is an agent, or an agent and a model: `codex:gpt-5`".to_owned());
        }
        Ok(Self { agent: agent.to_owned(), model: model.map(str::to_owned) })
    }
}

pub(crate) fn rounds(text: &str) -> Result<u32, String> {
    let most = pilot_proto::task::ReviewPass::MAX_ROUNDS;
    let rounds = text.parse().ok().filter(|rounds| (1..=most).contains(rounds));
    rounds.ok_or_else(|| format!("it is a number from 1 to {most}"))
}

/// Millionths of a US dollar.
pub(super) fn dollars(text: &str) -> Result<u64, String> {
    let wrong = || "it is an amount such as `2.50`, of at least a cent".to_owned();
    let text = text.strip_prefix('$').unwrap_or(text);
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|one| one.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 6 {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let part: u64 = format!("{part:0<6}").parse().map_err(|_| wrong())?;
    let micros = whole.checked_mul(1_000_000).and_then(|whole| whole.checked_add(part));
    micros.filter(|micros| *micros >= 10_000).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_may_come_with_its_model() {
        let name = |text: &str| text.parse::<AgentName>();
        let model = |text: &str| name(text).map(|name| (name.agent, name.model));
        assert_eq!(model("codex"), Ok(("codex".to_owned(), None)));
        assert_eq!(model("pi:a/b:free"), Ok(("pi".to_owned(), Some("a/b:free".to_owned()))));
        assert!(name(":x").is_err() && name("x:").is_err() && name("").is_err());
        assert!(rounds("0").is_err() && rounds("6").is_err() && rounds("5") == Ok(5));
    }

    #[test]
    fn an_amount_of_dollars_is_exact() {
        for (text, micros) in
            [("2.50", 2_500_000), ("2", 2_000_000), ("$0.01", 10_000), ("1.000001", 1_000_001)]
        {
            assert_eq!(dollars(text), Ok(micros), "{text}");
        }
        for text in
            ["", "0", "0.001", "-1", "1e3", "1,5", ".5", "1.", "1.0000001", "99999999999999"]
        {
            assert!(dollars(text).is_err(), "{text}");
        }
    }
}
