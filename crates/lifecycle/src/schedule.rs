//! When a schedule files a task, and when it does not.
//!
//! **Invariant:** for one due time at most one task is wanted, however often
//! and whenever it is asked; and however many times were missed, one at most
//! is made good.

mod times;

pub use times::{BadTimes, Times};

use pilot_proto::schedule::{Missed, Overlap, Schedule, ScheduleState, ScheduleTurn, TurnOutcome};
use pilot_proto::{TaskId, TaskState, Timestamp};
use std::time::Duration;

/// A time that is seen to so late was missed: a hub that restarts is back
/// sooner.
const LATE: Duration = Duration::from_secs(300);
/// A clock that was set back by more than this begins anew: what is due then is
/// better seen to than waited for; a time that had its task gets no other, by
/// the task's id.
const SET_BACK: Duration = Duration::from_secs(3600);
/// Times that are counted one by one; of those after them, the ones of the last
/// hour.
const COUNTED: u32 = 1000;
const RECENT_MICROS: i64 = 3600 * 1_000_000;
/// Tasks of one schedule that may be open at once, whatever its policy.
pub const MOST_OPEN: usize = 16;

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Rest,
    /// A task is filed for this time.
    File {
        /// Which time.
        due: Timestamp,
        /// How many before it were missed.
        missed: u32,
    },
    /// None is, for this time.
    Skip {
        /// Which time.
        due: Timestamp,
        /// How many before it were missed.
        missed: u32,
        /// Why.
        reason: String,
    },
}

/// When it is due next; none while it rests.
pub fn next(schedule: &Schedule, state: &ScheduleState) -> Option<Timestamp> {
    times_of(schedule, state)?.after(state.seen)
}

/// The times of a schedule that does not rest.
fn times_of(schedule: &Schedule, state: &ScheduleState) -> Option<Times> {
    if schedule.paused || state.stopped.is_some() {
        return None;
    }
    Times::of_plan(&schedule.plan).ok()
}

/// What is to be done now; `open` is how its tasks stand that are not over.
/// Whatever is due by then has been seen to afterwards.
pub fn decide(
    schedule: &Schedule,
    state: &mut ScheduleState,
    now: Timestamp,
    open: &[TaskState],
) -> Verdict {
    let Some(times) = times_of(schedule, state) else { return Verdict::Rest };
    if state.seen.since(now) > SET_BACK {
        state.seen = now;
    }
    let (mut last, mut count) = (None, 0_u32);
    while let Some(due) = times.after(state.seen).filter(|due| *due <= now) {
        (last, count) = (Some(due), count.saturating_add(1));
        state.seen = due;
        if count == COUNTED {
            // Nobody needs to know how many more; the last ones are enough.
            let recent = Timestamp(now.0.saturating_sub(RECENT_MICROS));
            state.seen = state.seen.max(recent);
        }
    }
    let Some(due) = last else { return Verdict::Rest };
    state.seen = now;
    let missed = count - 1;
    let reason = if now.since(due) > LATE && schedule.plan.missed == Missed::Skip {
        Some("no hub ran when it was due".to_owned())
    } else {
        held_up(schedule.plan.overlap, open)
    };
    match reason {
        Some(reason) => Verdict::Skip { due, missed, reason },
        None => Verdict::File { due, missed },
    }
}

/// Why an earlier task is in the way.
fn held_up(overlap: Overlap, open: &[TaskState]) -> Option<String> {
    let in_review = |state: &TaskState| matches!(state, TaskState::InReview { .. });
    let running = open.iter().any(|state| !state.is_end() && !in_review(state));
    match overlap {
        Overlap::SkipRunning | Overlap::SkipOpen if running => {
            Some("the task before it is still under way".to_owned())
        }
        Overlap::SkipOpen if open.iter().any(in_review) => {
            Some("the pull request of a task before it is open".to_owned())
        }
        Overlap::SkipRunning | Overlap::SkipOpen | Overlap::Start => {
            (open.len() >= MOST_OPEN).then(|| format!("{MOST_OPEN} of its tasks are not over yet"))
        }
    }
}

/// This came of a time.
pub fn seen(schedule: &Schedule, state: &mut ScheduleState, turn: ScheduleTurn) {
    match &turn.outcome {
        TurnOutcome::Filed { task } if !state.open.contains(task) => {
            state.open.push(*task);
            state.filed = state.filed.saturating_add(1);
        }
        TurnOutcome::Failed { .. } => state.failed = state.failed.saturating_add(1),
        TurnOutcome::Filed { .. } | TurnOutcome::Skipped { .. } | TurnOutcome::Unknown => {}
    }
    state.last = Some(turn);
    apply_stop_rule(schedule, state);
}

/// One of its tasks is over, and has cost so much.
pub fn ended(
    schedule: &Schedule,
    state: &mut ScheduleState,
    task: TaskId,
    end: &TaskState,
    cost_micros: u64,
) {
    state.open.retain(|open| *open != task);
    state.spent_micros = state.spent_micros.saturating_add(cost_micros);
    state.failed = match end {
        TaskState::Failed { .. } => state.failed.saturating_add(1),
        TaskState::Merged { .. }
        | TaskState::Closed { .. }
        | TaskState::Published { .. }
        | TaskState::NoChange => 0,
        // A person's word says nothing of how it would have ended.
        TaskState::Cancelled
        | TaskState::Queued
        | TaskState::Leased { .. }
        | TaskState::Working { .. }
        | TaskState::NeedsYou { .. }
        | TaskState::Ready
        | TaskState::Publishing
        | TaskState::InReview { .. } => state.failed,
    };
    apply_stop_rule(schedule, state);
}

/// A person wants it to go on from now.
pub fn resumed(schedule: &Schedule, state: &mut ScheduleState, now: Timestamp) {
    (state.seen, state.failed, state.stopped) = (now, 0, None);
    apply_stop_rule(schedule, state);
}

fn apply_stop_rule(schedule: &Schedule, state: &mut ScheduleState) {
    let rule = &schedule.plan.stop;
    let filed = rule.tasks.filter(|most| state.filed >= *most);
    let failed = rule.failures.filter(|most| *most > 0 && state.failed >= *most);
    let spent = rule.budget_micros.filter(|most| state.spent_micros >= *most);
    let reason = filed
        .map(|most| format!("it has filed {most} tasks"))
        .or_else(|| failed.map(|most| format!("{most} of its tasks failed one after the other")))
        .or_else(|| spent.map(|_| "its tasks have cost what they may".to_owned()))
        .or_else(|| days_over(schedule, state));
    if state.stopped.is_none() {
        state.stopped = reason;
    }
}

fn days_over(schedule: &Schedule, state: &ScheduleState) -> Option<String> {
    let day = schedule.plan.stop.last_day.as_ref()?;
    let times = Times::of_plan(&schedule.plan).ok()?;
    times.after(state.seen).is_none().then(|| format!("its last day was {day}"))
}
