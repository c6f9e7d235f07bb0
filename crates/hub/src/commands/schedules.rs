//! What is filed by the clock.

use super::{check_name, check_task, invalid};
use crate::clock;
use crate::core::{ScheduleWish, schedule_of, scheduled_task};
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_lifecycle::schedule::{self, BadTimes, Times};
use pilot_proto::console::{
    CronMeaning, CronQuery, NewSchedule, Nothing, OneSchedule, PauseSchedule, ScheduleList,
    SchedulePause, SchedulePreview, ScheduleRemove, ScheduleRun, ScheduleSeen, ScheduleSet,
    ScheduleTime,
};
use pilot_proto::schedule::KeptSchedule;
use pilot_proto::{Code, Problem, Task, Timestamp};

/// Times that are told ahead.
const AHEAD: usize = 5;

impl Answers<ScheduleSet> for Parts {
    async fn answer(&self, who: &Principal, new: NewSchedule) -> Result<ScheduleSeen, Problem> {
        let one = OneSchedule { name: new.name.clone(), schedule: new.schedule.clone() };
        check(&new)?;
        tracing::info!(
            who = who.name,
            project = one.name,
            schedule = one.schedule,
            cron = new.plan.cron,
            "a schedule is set"
        );
        self.core.schedule(ScheduleWish::Set(Box::new(new))).await?;
        self.schedule_seen(&one).await
    }
}

impl Answers<ScheduleList> for Parts {
    async fn answer(&self, _who: &Principal, _: Nothing) -> Result<Vec<ScheduleSeen>, Problem> {
        let all = self.store.schedules().await.map_err(|error| error.problem())?;
        Ok(all.into_iter().map(seen).collect())
    }
}

impl Answers<ScheduleRemove> for Parts {
    async fn answer(&self, who: &Principal, one: OneSchedule) -> Result<Nothing, Problem> {
        tracing::info!(
            who = who.name,
            project = one.name,
            schedule = one.schedule,
            "a schedule is removed"
        );
        self.core.schedule(ScheduleWish::Remove(one)).await?;
        Ok(Nothing {})
    }
}

impl Answers<SchedulePause> for Parts {
    async fn answer(
        &self,
        who: &Principal,
        wanted: PauseSchedule,
    ) -> Result<ScheduleSeen, Problem> {
        let PauseSchedule { name, schedule, paused } = wanted;
        tracing::info!(
            who = who.name,
            project = name,
            schedule,
            paused,
            "a schedule is paused or goes on"
        );
        let one = OneSchedule { name, schedule };
        self.core.schedule(ScheduleWish::Pause(one.clone(), paused)).await?;
        self.schedule_seen(&one).await
    }
}

impl Answers<ScheduleRun> for Parts {
    async fn answer(&self, _who: &Principal, one: OneSchedule) -> Result<Task, Problem> {
        let task = self.core.schedule(ScheduleWish::Run(one)).await?;
        task.ok_or_else(|| Problem::new(Code::Internal, "The task was not filed."))
    }
}

impl Answers<SchedulePreview> for Parts {
    async fn answer(&self, _who: &Principal, query: CronQuery) -> Result<CronMeaning, Problem> {
        let times = Times::of(&query.cron, &query.zone).map_err(bad_times)?;
        Ok(CronMeaning { says: times.says(), next: ahead(&times, clock::now()) })
    }
}

impl Parts {
    async fn schedule_seen(&self, one: &OneSchedule) -> Result<ScheduleSeen, Problem> {
        let all = self.store.schedules().await.map_err(|error| error.problem())?;
        let is_it = |kept: &KeptSchedule| {
            kept.schedule.project == one.name && kept.schedule.name == one.schedule
        };
        let gone = || Problem::new(Code::NotFound, "Somebody has removed the schedule meanwhile.");
        all.into_iter().find(is_it).map(seen).ok_or_else(gone)
    }
}

fn seen(kept: KeptSchedule) -> ScheduleSeen {
    let KeptSchedule { schedule, state } = kept;
    let next = schedule::next(&schedule, &state);
    let times = Times::of_plan(&schedule.plan).ok();
    let next = match (next, times) {
        (Some(first), Some(times)) => ahead(&times, Timestamp(first.0 - 1)),
        (Some(_), None) | (None, _) => Vec::new(),
    };
    ScheduleSeen { schedule, state, next }
}

fn ahead(times: &Times, after: Timestamp) -> Vec<ScheduleTime> {
    let all = times.some_after(after, AHEAD).into_iter();
    all.map(|at| ScheduleTime { at, local: times.local(at) }).collect()
}

fn bad_times(bad: BadTimes) -> Problem {
    match bad {
        BadTimes::Cron(said) => invalid(said).hint(
            "For example `0 3 * * 1-5`: at three o'clock from Monday to Friday; or `@daily`.",
        ),
        BadTimes::Zone(said) => invalid(said).hint("For example `UTC` or `Europe/Berlin`."),
        BadTimes::Day(said) => invalid(said).hint("For example `2026-12-31`."),
    }
}

fn check(new: &NewSchedule) -> Result<(), Problem> {
    check_name("name", &new.name)?;
    check_name("schedule", &new.schedule)?;
    let times = Times::of_plan(&new.plan).map_err(bad_times)?;
    if let Some(day) = &new.plan.stop.last_day
        && times.after(clock::now()).is_none()
    {
        let message = format!("`last_day`: no time of the schedule is left until {day}.");
        return Err(invalid(message).hint("Name a later day, or none."));
    }
    let zero = [new.plan.stop.tasks, new.plan.stop.failures].contains(&Some(0));
    if zero || new.plan.stop.budget_micros == Some(0) {
        return Err(invalid("`stop`: a schedule that ends at nothing files nothing.")
            .hint("Leave the rule out, or pause the schedule."));
    }
    if new.plan.prompt.trim().is_empty() {
        return Err(invalid("`prompt` is empty.").hint("Say what the agent is to do."));
    }
    check_task(&scheduled_task(&schedule_of(new, None)))
}
