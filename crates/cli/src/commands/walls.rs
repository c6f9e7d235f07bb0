//! `pilot run-in-walls`: the walls of a run around a command of a person's own.

use super::{Done, connect, daemons};
use crate::args::{Globals, RunInWalls, TaskName};
use crate::output;
use anyhow::Context;
use pilot_proto::console::{OneTask, TaskShow};
use pilot_proto::network::{NetworkDecision, NetworkPolicy};
use pilot_proto::walls::{WallsReport, WallsWish};
use pilot_proto::{Code, Problem, RunId};
use pilot_runner::shim::{Exit, Streams, Trial, Tried, try_walls};
use std::ffi::OsString;
use uuid::Uuid;

pub(crate) fn run(globals: &Globals, arguments: RunInWalls) -> anyhow::Result<Done> {
    if let Some(task) = arguments.task {
        return in_run(globals, task, &arguments.command);
    }
    let program = std::env::current_exe().context("cannot find this program")?;
    let tree = arguments.tree.map(std::fs::canonicalize).transpose();
    let tree = tree.context("the directory of `--tree` cannot be found")?;
    #[expect(clippy::disallowed_methods, reason = "a directory that nobody else has")]
    let id = Uuid::now_v7();
    let scratch = connect::data_directory(globals)?.join("walls").join(id.to_string());
    std::fs::create_dir_all(&scratch)
        .with_context(|| format!("cannot make `{}`", scratch.display()))?;
    let network = NetworkPolicy {
        gate: arguments.gate.into(),
        allow: arguments.allow,
        ..NetworkPolicy::default()
    };
    let trial = Trial {
        scratch,
        tree,
        command: arguments.command,
        network,
        walls: WallsWish { kind: arguments.kind.into(), ..WallsWish::default() },
        program,
        environment: daemons::variables(),
        id: RunId(id),
    };
    let streams = Streams {
        input: tokio::io::stdin(),
        output: tokio::io::stdout(),
        error: tokio::io::stderr(),
    };
    let runtime = connect::runtime()?;
    let tried = runtime.block_on(Box::pin(try_walls(trial, streams)))?;
    // A read of our standard input may still be under way, and would hold us up.
    runtime.shutdown_background();
    if !arguments.quiet {
        tell(&tried);
    }
    Ok(Done::Ended(exit_code(tried.exit)))
}

/// In the walls of a run at work, which is on this machine.
fn in_run(globals: &Globals, task: String, command: &[OsString]) -> anyhow::Result<Done> {
    let mut words = Vec::new();
    for word in command {
        let word = word.to_str().context("a word of the command is not UTF-8")?;
        words.push(word.to_owned());
    }
    let data = connect::data_directory(globals)?.join("runner");
    let run = connect::with_hub(globals, async |hub| {
        let task = super::task::find(hub, &TaskName { task }).await?;
        let detail = hub.call::<TaskShow>(OneTask { task }).await?;
        let none = || Problem::new(Code::Precondition, "no run of this task is at work");
        Ok(detail.task.run.ok_or_else(none)?)
    })?;
    let streams = Streams {
        input: tokio::io::stdin(),
        output: tokio::io::stdout(),
        error: tokio::io::stderr(),
    };
    let runtime = connect::runtime()?;
    let visit = pilot_runner::guest::visit(&data, run, words, streams);
    let code = runtime.block_on(Box::pin(visit))?;
    // As above.
    runtime.shutdown_background();
    Ok(Done::Ended(u8::try_from(code).unwrap_or(1)))
}

/// Behind the command's own words, and not between them.
fn tell(tried: &Tried) {
    let Tried { walls, decisions, .. } = tried;
    let WallsReport { kind, holds, lacks, limits } = walls;
    output::note(&format!("-- walls: {}", output::word(kind)));
    for sentence in holds {
        output::note(&format!("   holds: {sentence}"));
    }
    for sentence in lacks {
        output::note(&format!("   lacks: {sentence}"));
    }
    for limit in limits {
        let (what, means) = (output::word(&limit.what), output::word(&limit.means));
        output::note(&format!("   limit: {what} {} by {means}", limit.value));
    }
    for decision in decisions {
        let NetworkDecision { host, port, allowed, because, count, .. } = decision;
        let verdict = if *allowed { "allowed" } else { "refused" };
        let times = if *count > 1 { format!(" {count} times") } else { String::new() };
        output::note(&format!("   {verdict}: {host}:{port}{times}: {because}"));
    }
}

/// As shells do it: a signal is 128 and its number.
fn exit_code(exit: Exit) -> u8 {
    let code = match exit {
        Exit::Code(code) => code,
        Exit::Signal(signal) => 128 + signal,
    };
    u8::try_from(code).unwrap_or(1)
}
