//! Schedules, as consoles set and see them.

use crate::schedule::{Schedule, SchedulePlan, ScheduleState};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A schedule to add, or to change: it is known by project and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NewSchedule {
    /// Of which project.
    pub name: String,
    /// What it is called there.
    pub schedule: String,
    /// What it files, and when.
    #[serde(flatten)]
    pub plan: SchedulePlan,
}

/// A schedule of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OneSchedule {
    /// Of which project.
    pub name: String,
    /// What it is called there.
    pub schedule: String,
}

/// A schedule to stop for a while, or to begin again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PauseSchedule {
    /// Of which project.
    pub name: String,
    /// What it is called there.
    pub schedule: String,
    /// False: it goes on. What was missed meanwhile is not caught up with.
    pub paused: bool,
}

/// A schedule, with what became of it and what comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ScheduleSeen {
    /// What.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// What became of it.
    pub state: ScheduleState,
    /// The next times, at most five; none while it rests.
    pub next: Vec<ScheduleTime>,
}

/// A time at which a schedule is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ScheduleTime {
    /// When.
    pub at: Timestamp,
    /// What the clocks of the schedule's zone show then, with their distance
    /// from UTC: `2026-11-22 03:00 +01:00`.
    pub local: String,
}

/// A cron expression to look at before it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CronQuery {
    /// The expression.
    pub cron: String,
    /// The time zone it is read in.
    pub zone: String,
}

/// What a cron expression means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CronMeaning {
    /// In words.
    pub says: String,
    /// The next times, at most five.
    pub next: Vec<ScheduleTime>,
}
