//! The words of `pilot project schedule`.

use super::issue::TaskHow;
use super::project::{Limit, budget};
use clap::{Args, Subcommand, ValueEnum};
use pilot_proto::schedule::{Missed, Overlap};

#[derive(Debug, Args)]
pub(crate) struct ProjectSchedule {
    /// The project's name; alone, it shows its schedules
    pub(crate) name: String,
    #[command(subcommand)]
    pub(crate) command: Option<ScheduleCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// List its schedules, with their next times
    List,
    /// Add a schedule, or change one
    Add(Box<ScheduleAdd>),
    /// Remove a schedule; its tasks stay
    Remove {
        /// The schedule's name
        schedule: String,
    },
    /// Stop a schedule for a while
    Pause {
        /// The schedule's name
        schedule: String,
    },
    /// Let a schedule go on that was paused or has ended by its rule
    ///
    /// What was missed meanwhile is not caught up with.
    Resume {
        /// The schedule's name
        schedule: String,
    },
    /// File a task of a schedule now, besides its times
    Run {
        /// The schedule's name
        schedule: String,
    },
    /// Say what a cron expression means, and its next five times
    Preview {
        #[command(flatten)]
        times: TimeWords,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TimeWords {
    /// Minute, hour, day, month, weekday; or @hourly, @daily, @weekly, @monthly
    #[arg(long, value_name = "CRON")]
    pub(crate) cron: String,
    /// Time zone that it is read in, such as Europe/Berlin
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    pub(crate) zone: String,
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleAdd {
    /// The schedule's name
    pub(crate) schedule: String,
    #[command(flatten)]
    pub(crate) times: TimeWords,
    /// What the agent is told; `-` reads it from standard input
    #[arg(long, value_name = "TEXT")]
    pub(crate) text: String,
    /// Title of its tasks; without it, the first line of the text
    #[arg(long, value_name = "TITLE")]
    pub(crate) title: Option<String>,
    #[command(flatten)]
    pub(crate) how: TaskHow,
    /// Branch its tasks start from; without it, the project's
    #[arg(long, value_name = "BRANCH")]
    pub(crate) base: Option<String>,
    /// What becomes of a time at which an earlier task is not over
    #[arg(long, value_enum, default_value = "skip-running")]
    pub(crate) overlap: OverlapName,
    /// What becomes of times at which no hub ran
    #[arg(long, value_enum, default_value = "once")]
    pub(crate) missed: MissedName,
    /// End after so many tasks
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) stop_after: Option<u32>,
    /// End when so many tasks have failed one after the other; 0: never
    #[arg(long, value_name = "N", default_value = "3")]
    pub(crate) stop_after_failures: u32,
    /// End when its tasks have cost so much, in US dollars, or `none`
    #[arg(long, value_name = "DOLLARS", value_parser = budget)]
    pub(crate) stop_at_cost: Option<Limit>,
    /// End after this day, in the time zone of `--zone`
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) stop_after_day: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OverlapName {
    /// It is left out while one is at work or waits for somebody
    SkipRunning,
    /// And also while the pull request of one is open
    SkipOpen,
    /// A task is filed all the same
    Start,
}

impl From<OverlapName> for Overlap {
    fn from(name: OverlapName) -> Self {
        match name {
            OverlapName::SkipRunning => Self::SkipRunning,
            OverlapName::SkipOpen => Self::SkipOpen,
            OverlapName::Start => Self::Start,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MissedName {
    /// One task for all of them, when the hub is back
    Once,
    /// None
    Skip,
}

impl From<MissedName> for Missed {
    fn from(name: MissedName) -> Self {
        match name {
            MissedName::Once => Self::Once,
            MissedName::Skip => Self::Skip,
        }
    }
}
