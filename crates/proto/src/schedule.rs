//! Tasks that are filed again and again, by the clock.

use crate::code::Problem;
use crate::ids::{ScheduleId, TaskId};
use crate::task::Mode;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a project files by itself, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct Schedule {
    /// Its id, which the hub gives; times that were filed for are known by it.
    pub id: ScheduleId,
    /// Of which project.
    pub project: String,
    /// What it is called in its project: `[a-z0-9][a-z0-9._-]{0,63}`.
    pub name: String,
    /// What it files, and when.
    #[serde(flatten)]
    pub plan: SchedulePlan,
    /// A person has stopped it for a while.
    #[serde(default)]
    #[ts(optional, as = "Option<bool>")]
    pub paused: bool,
}

/// What a schedule files, when, and what becomes of what comes in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct SchedulePlan {
    /// Minute, hour, day, month, weekday, or a nickname such as `@daily`.
    pub cron: String,
    /// The time zone that `cron` is read in: `UTC`, `Europe/Berlin`.
    pub zone: String,
    /// Title of its tasks; none: the first line of the prompt.
    #[serde(default)]
    pub title: Option<String>,
    /// What the agent is told.
    pub prompt: String,
    /// How its tasks are done.
    #[serde(default)]
    #[ts(optional, as = "Option<ScheduledTask>")]
    pub how: ScheduledTask,
    /// What becomes of a time at which an earlier task is not over.
    #[serde(default)]
    #[ts(optional, as = "Option<Overlap>")]
    pub overlap: Overlap,
    /// What becomes of times at which no hub ran.
    #[serde(default)]
    #[ts(optional, as = "Option<Missed>")]
    pub missed: Missed,
    /// When it ends by itself.
    #[serde(default)]
    #[ts(optional, as = "Option<StopRule>")]
    pub stop: StopRule,
}

/// How a scheduled task is done; what is not named is as the project says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields = nullable)]
pub struct ScheduledTask {
    /// Which agent.
    pub agent: Option<String>,
    /// Which model.
    pub model: Option<String>,
    /// How much the agent may do by itself.
    pub mode: Option<Mode>,
    /// Name of a profile.
    pub profile: Option<String>,
    /// The branch it starts from.
    pub base: Option<String>,
    /// The work is shown to a person before it is published.
    #[ts(optional, as = "Option<bool>")]
    pub hold: bool,
}

/// What becomes of a time at which an earlier task is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Left out while one is at work or waits for somebody; what is in review
    /// holds nothing up.
    #[default]
    SkipRunning,
    /// Left out as well while the pull request of one is open.
    SkipOpen,
    /// Filed all the same.
    Start,
}

/// What becomes of times at which no hub ran, however many they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// One task is filed for all of them, when the hub is back.
    #[default]
    Once,
    /// None is.
    Skip,
}

/// When a schedule ends by itself; a person may begin it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields = nullable)]
pub struct StopRule {
    /// After so many tasks.
    pub tasks: Option<u32>,
    /// After so many that failed one after the other; none: never.
    pub failures: Option<u32>,
    /// When its tasks have cost so much, in millionths of a US dollar.
    pub budget_micros: Option<u64>,
    /// After this day, `YYYY-MM-DD` in the schedule's zone.
    pub last_day: Option<String>,
}

impl Default for StopRule {
    fn default() -> Self {
        // What fails three times in a row fails for a reason that more tasks
        // do not mend.
        Self { tasks: None, failures: Some(3), budget_micros: None, last_day: None }
    }
}

/// What became of a schedule so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(optional_fields = nullable)]
pub struct ScheduleState {
    /// Times up to then have been seen to.
    pub seen: Timestamp,
    /// Its tasks that are not over.
    pub open: Vec<TaskId>,
    /// How many it has filed.
    pub filed: u32,
    /// How many of the last failed, one after the other.
    pub failed: u32,
    /// What those that are over have cost.
    pub spent_micros: u64,
    /// The last time that was seen to.
    pub last: Option<ScheduleTurn>,
    /// It has ended by its own rule: why.
    pub stopped: Option<String>,
}

/// A time that was seen to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ScheduleTurn {
    /// When it was due; where a person began it, when they did.
    pub due: Timestamp,
    /// How many times before it were missed.
    pub missed: u32,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: TurnOutcome,
}

/// What came of a time at which a task was due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum TurnOutcome {
    /// A task was filed.
    Filed {
        /// Which.
        task: TaskId,
    },
    /// None was.
    Skipped {
        /// Why.
        reason: String,
    },
    /// None could be.
    Failed {
        /// Why.
        problem: Problem,
    },
    /// Something that this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// A schedule and what became of it, as the hub keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSchedule {
    /// What.
    pub schedule: Schedule,
    /// What became of it.
    #[serde(default)]
    pub state: ScheduleState,
}
