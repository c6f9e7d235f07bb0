//! `pilot task log`: pages from the hub's line index, and the live journal.

use super::find;
use super::wait::news_of;
use crate::args::{Globals, TaskLog};
use crate::commands::Done;
use crate::output;
use pilot_client::{Client, Told};
use pilot_proto::console::{
    FromConsole, JournalQuery, LogQuery, LogSearch, LogText, OneTask, TaskJournal,
    TaskLog as ReadLog, TaskLogSearch, TaskShow,
};
use pilot_proto::{Code, Problem, Record, RunId, Stream, TaskId, log};

/// Lines asked for at once; the hub's own bound.
const PAGE: u32 = 10_000;

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    arguments: &TaskLog,
) -> anyhow::Result<Done> {
    let task = find(hub, &arguments.task).await?;
    if let Some(pattern) = &arguments.search {
        return search(globals, hub, arguments, task, pattern).await;
    }
    if arguments.follow || arguments.from.is_some() || arguments.records {
        return follow(globals, hub, arguments, task).await;
    }
    let mut next = arguments.line.unwrap_or(0);
    let mut left = arguments.lines.unwrap_or(u64::MAX);
    while left > 0 {
        let lines = Some(u32::try_from(left).unwrap_or(PAGE).min(PAGE));
        let page = hub
            .call::<ReadLog>(LogQuery { task, run: None, from: Some(next), lines, at: None })
            .await?;
        if page.lines.is_empty() {
            break;
        }
        next += page.lines.len() as u64;
        left -= page.lines.len() as u64;
        print(globals, &page.lines)?;
        if next >= page.total {
            break;
        }
    }
    Ok(Done::Well)
}

async fn search(
    globals: &Globals,
    hub: &Client,
    arguments: &TaskLog,
    task: TaskId,
    pattern: &str,
) -> anyhow::Result<Done> {
    let mut from = arguments.line;
    let mut left = arguments.lines.unwrap_or(u64::MAX);
    while left > 0 {
        let hits = hub
            .call::<TaskLogSearch>(LogSearch {
                task,
                run: None,
                pattern: pattern.to_owned(),
                regex: arguments.regex,
                ignore_case: arguments.ignore_case,
                from,
                limit: Some(u32::try_from(left).unwrap_or(PAGE).min(PAGE)),
            })
            .await?;
        left -= hits.hits.len() as u64;
        print_numbered(globals, &hits.hits)?;
        let Some(next) = hits.next else { break };
        from = Some(next);
    }
    Ok(Done::Well)
}

/// The journal after a position; with `--follow`, until the run is over.
async fn follow(
    globals: &Globals,
    hub: &Client,
    arguments: &TaskLog,
    task: TaskId,
) -> anyhow::Result<Done> {
    let run = wait_for_run(hub, task, arguments.follow).await?;
    let after = arguments.from.unwrap_or(0);
    let end = hub
        .call::<TaskJournal>(JournalQuery {
            task,
            run: Some(run),
            after: Some(after),
            before: None,
            part: None,
            limit: Some(1),
        })
        .await?
        .end;
    if !arguments.follow && end.seq <= after {
        return Ok(Done::Well);
    }
    let mut journal = hub.follow_journal(run, after).await?;
    let mut left = arguments.lines.unwrap_or(u64::MAX);
    while let Some(record) = journal.next().await? {
        print_record(globals, arguments.records, &record, &mut left)?;
        if left == 0 || (!arguments.follow && record.seq >= end.seq) {
            break;
        }
    }
    Ok(Done::Well)
}

/// The latest run; with `--follow` a queued task's first run is waited for.
async fn wait_for_run(hub: &Client, task: TaskId, follow: bool) -> anyhow::Result<RunId> {
    let mut shown = hub.call::<TaskShow>(OneTask { task }).await?.task;
    if shown.run.is_none() && follow {
        let mut live = hub.live().await?;
        live.say(FromConsole::WatchAll { watch: 1 });
        while shown.run.is_none() && !shown.state.is_end() {
            if let Told::Hub(message) = live.next().await?
                && let Some(now) = news_of(message, task)
            {
                shown = now;
            }
        }
    }
    shown.run.ok_or_else(|| {
        let message = "the task has not run yet, so there is no log".to_owned();
        Problem::new(Code::Precondition, message).hint("`-f` waits for it").into()
    })
}

fn print_record(
    globals: &Globals,
    whole: bool,
    record: &Record,
    left: &mut u64,
) -> anyhow::Result<()> {
    if whole {
        *left = left.saturating_sub(1);
        return output::json(record);
    }
    let lines = log::lines(&record.event);
    output::write(|out| {
        for line in lines {
            if *left == 0 {
                break;
            }
            *left -= 1;
            if globals.json {
                let shown = serde_json::json!({
                    "seq": record.seq, "at": record.at, "stream": line.stream, "text": line.text,
                });
                writeln!(out, "{shown}")?;
            } else {
                writeln!(out, "{}{}", mark(line.stream), output::tame(&line.text))?;
            }
        }
        Ok(())
    })
}

fn print(globals: &Globals, lines: &[LogText]) -> anyhow::Result<()> {
    output::write(|out| {
        for line in lines {
            if globals.json {
                writeln!(out, "{}", serde_json::to_string(line)?)?;
            } else {
                writeln!(out, "{}{}", mark(line.stream), output::tame(&line.text))?;
            }
        }
        Ok(())
    })
}

fn print_numbered(globals: &Globals, lines: &[LogText]) -> anyhow::Result<()> {
    if globals.json {
        return print(globals, lines);
    }
    output::write(|out| {
        for line in lines {
            writeln!(out, "{}:{}", line.line, output::tame(&line.text))?;
        }
        Ok(())
    })
}

/// What is not the agent's own output is marked, so that the two can be told apart.
fn mark(stream: Stream) -> &'static str {
    match stream {
        Stream::Pilot => "· ",
        Stream::Setup => "+ ",
        Stream::Stdout | Stream::Stderr | Stream::Protocol | Stream::Unknown => "",
    }
}
