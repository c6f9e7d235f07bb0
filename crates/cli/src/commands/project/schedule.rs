//! `pilot project schedule`.

use crate::args::{
    Globals, Limit, ProjectSchedule, ScheduleAdd, ScheduleCommand, TaskHow, TimeWords,
};
use crate::commands::Done;
use crate::output;
use anyhow::Context;
use pilot_client::Client;
use pilot_proto::console::{
    CronMeaning, CronQuery, NewSchedule, Nothing, OneSchedule, PauseSchedule, ScheduleList,
    SchedulePause, SchedulePreview, ScheduleRemove, ScheduleRun, ScheduleSeen, ScheduleSet,
};
use pilot_proto::schedule::{SchedulePlan, ScheduledTask, StopRule, TurnOutcome};
use std::io::Read;

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    words: ProjectSchedule,
) -> anyhow::Result<Done> {
    let name = words.name;
    let one = |schedule: String| OneSchedule { name: name.clone(), schedule };
    match words.command.unwrap_or(ScheduleCommand::List) {
        ScheduleCommand::List => list(globals, hub, &name).await?,
        ScheduleCommand::Add(words) => {
            let seen = hub.call::<ScheduleSet>(wanted(name, *words)?).await?;
            output::show(globals, &seen, || sentence(&seen))?;
        }
        ScheduleCommand::Remove { schedule } => {
            let gone = hub.call::<ScheduleRemove>(one(schedule.clone())).await?;
            output::show(globals, &gone, || format!("schedule `{schedule}` is removed"))?;
        }
        ScheduleCommand::Pause { schedule } => pause(globals, hub, one(schedule), true).await?,
        ScheduleCommand::Resume { schedule } => pause(globals, hub, one(schedule), false).await?,
        ScheduleCommand::Run { schedule } => {
            let task = hub.call::<ScheduleRun>(one(schedule)).await?;
            output::show(globals, &task, || format!("task {} is filed: {}", task.id, task.title))?;
        }
        ScheduleCommand::Preview { times } => {
            let query = CronQuery { cron: times.cron, zone: times.zone };
            let meaning = hub.call::<SchedulePreview>(query).await?;
            output::show(globals, &meaning, || meant(&meaning))?;
        }
    }
    Ok(Done::Well)
}

fn wanted(name: String, words: ScheduleAdd) -> anyhow::Result<NewSchedule> {
    let ScheduleAdd { schedule, times, text, title, how, base, .. } = words;
    let TaskHow { agent, model, mode, profile, hold } = how;
    let TimeWords { cron, zone } = times;
    let stop = StopRule {
        tasks: words.stop_after,
        failures: (words.stop_after_failures > 0).then_some(words.stop_after_failures),
        budget_micros: words.stop_at_cost.and_then(Limit::into),
        last_day: words.stop_after_day,
    };
    let how = ScheduledTask { agent, model, mode: mode.map(Into::into), profile, base, hold };
    let (overlap, missed) = (words.overlap.into(), words.missed.into());
    let prompt = told(text)?;
    let plan = SchedulePlan { cron, zone, title, prompt, how, overlap, missed, stop };
    Ok(NewSchedule { name, schedule, plan })
}

fn told(text: String) -> anyhow::Result<String> {
    if text != "-" {
        return Ok(text);
    }
    let mut read = String::new();
    std::io::stdin().read_to_string(&mut read).context("cannot read standard input")?;
    Ok(read)
}

async fn list(globals: &Globals, hub: &Client, name: &str) -> anyhow::Result<()> {
    super::by_name(hub, name).await?;
    let mut all = hub.call::<ScheduleList>(Nothing {}).await?;
    all.retain(|seen| seen.schedule.project == name);
    let none = format!("no schedules: `pilot project schedule {name} add NAME --cron …`");
    let head = ["NAME", "WHEN", "ZONE", "NEXT", "LAST", "TITLE"];
    output::table(globals, &all, &head, &none, |seen| {
        let schedule = &seen.schedule;
        let title = schedule.plan.title.clone();
        let first = schedule.plan.prompt.lines().next().unwrap_or_default().to_owned();
        vec![
            schedule.name.clone(),
            schedule.plan.cron.clone(),
            schedule.plan.zone.clone(),
            next(seen),
            last(seen),
            title.unwrap_or(first),
        ]
    })
}

async fn pause(
    globals: &Globals,
    hub: &Client,
    one: OneSchedule,
    paused: bool,
) -> anyhow::Result<()> {
    let OneSchedule { name, schedule } = one;
    let seen = hub.call::<SchedulePause>(PauseSchedule { name, schedule, paused }).await?;
    output::show(globals, &seen, || sentence(&seen))
}

/// When it is due next, or why it is not.
fn next(seen: &ScheduleSeen) -> String {
    match (&seen.state.stopped, seen.next.first()) {
        (Some(reason), _) => format!("ended: {reason}"),
        (None, _) if seen.schedule.paused => "paused".to_owned(),
        (None, Some(time)) => time.local.clone(),
        (None, None) => "never again".to_owned(),
    }
}

fn last(seen: &ScheduleSeen) -> String {
    let Some(turn) = &seen.state.last else { return "-".to_owned() };
    match &turn.outcome {
        TurnOutcome::Filed { task } => format!("{} {}", task.short(), output::ago(turn.due)),
        TurnOutcome::Skipped { reason } => format!("left out: {reason}"),
        TurnOutcome::Failed { problem } => format!("failed: {}", problem.message),
        TurnOutcome::Unknown => "?".to_owned(),
    }
}

fn sentence(seen: &ScheduleSeen) -> String {
    let name = &seen.schedule.name;
    if seen.next.is_empty() {
        return format!("schedule `{name}`: {}", next(seen));
    }
    let times: Vec<&str> = seen.next.iter().map(|time| time.local.as_str()).collect();
    format!("schedule `{name}` files a task next at\n  {}", times.join("\n  "))
}

fn meant(meaning: &CronMeaning) -> String {
    let times: Vec<&str> = meaning.next.iter().map(|time| time.local.as_str()).collect();
    format!("{}\n  {}", meaning.says, times.join("\n  "))
}
