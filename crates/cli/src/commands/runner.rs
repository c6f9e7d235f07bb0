//! `pilot runner list|join-code|revoke|doctor`: looking after runners.

mod live;

use super::{Done, connect, daemons};
use crate::args::{Globals, RunnerCommand};
use crate::output;
use pilot_client::Client;
use pilot_proto::console::{
    JoinCodeNew, NewJoinCode, Nothing, OneRunner, RunnerList, RunnerLook, RunnerRevoke, RunnerSeen,
};
use pilot_proto::{Code, Problem, RunnerId};

pub(crate) fn run(globals: &Globals, command: &RunnerCommand) -> anyhow::Result<Done> {
    match command {
        RunnerCommand::Doctor { live: None, .. } => daemons::doctor(globals),
        RunnerCommand::Doctor { live: Some(agent), runner, provider, model } => {
            let wanted = live::Wanted { agent, runner, provider, model };
            connect::with_hub(globals, async |hub| live::run(globals, hub, &wanted).await)
        }
        RunnerCommand::JoinCode { valid_secs } => connect::with_hub(globals, async |hub| {
            let new = NewJoinCode { valid_secs: Some(*valid_secs) };
            let made = hub.call::<JoinCodeNew>(new).await?;
            // Alone on standard output, so that it can be piped to the runner's machine.
            output::show(globals, &made, || made.code.expose().to_owned())?;
            Ok(Done::Well)
        }),
        RunnerCommand::Revoke { runner } => connect::with_hub(globals, async |hub| {
            let runner = find(hub, runner).await?;
            let gone = hub.call::<RunnerRevoke>(OneRunner { runner }).await?;
            output::show(globals, &gone, || format!("runner {} is revoked", runner.short()))?;
            Ok(Done::Well)
        }),
        RunnerCommand::Look { runner } => connect::with_hub(globals, async |hub| {
            let runner = find(hub, runner).await?;
            let asked = hub.call::<RunnerLook>(OneRunner { runner }).await?;
            output::show(globals, &asked, || format!("runner {} looks again", runner.short()))?;
            Ok(Done::Well)
        }),
        RunnerCommand::List => connect::with_hub(globals, async |hub| {
            let runners = hub.call::<RunnerList>(Nothing {}).await?;
            output::table(
                globals,
                &runners,
                &["RUNNER", "NAME", "STATE", "RUNS", "AGENTS", "BUILD"],
                "no runners: `pilot runner` on this machine, or `pilot runner join-code` for another",
                |runner| {
                    vec![
                        runner.id.short(),
                        runner.about.name.clone(),
                        presence(runner),
                        format!("{}/{}", runner.runs.len(), runner.about.workers),
                        agents(runner),
                        runner.about.build.clone(),
                    ]
                },
            )?;
            Ok(Done::Well)
        }),
    }
}

/// A runner by its name, its whole id, or the last digits that `pilot runner
/// list` shows.
pub(crate) async fn find(hub: &Client, name: &str) -> anyhow::Result<RunnerId> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let digits = name.to_lowercase();
    let runners = hub.call::<RunnerList>(Nothing {}).await?;
    let called = |runner: &&RunnerSeen| runner.about.name == name && !runner.revoked;
    let mut found: Vec<RunnerId> = runners.iter().filter(called).map(|runner| runner.id).collect();
    if found.is_empty() && digits.len() >= 4 {
        let ids = runners.iter().map(|runner| runner.id);
        found.extend(ids.filter(|id| id.0.simple().to_string().ends_with(&digits)));
    }
    let hint = "`pilot runner list` shows them; give at least 4 digits of the id's end";
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let message = format!("no runner is called `{name}`, and no runner's id ends so");
            Err(Problem::new(Code::NotFound, message).hint(hint).into())
        }
        [_, _, ..] => {
            let message =
                format!("more than one runner is called `{name}`, or has an id that ends so");
            Err(Problem::new(Code::Invalid, message).hint("give more digits").into())
        }
    }
}

fn presence(runner: &RunnerSeen) -> String {
    if runner.revoked {
        return "revoked".to_owned();
    }
    if runner.online {
        return if runner.about.draining { "draining" } else { "online" }.to_owned();
    }
    runner
        .seen_at
        .map_or_else(|| "never seen".to_owned(), |at| format!("offline, seen {}", output::ago(at)))
}

fn agents(runner: &RunnerSeen) -> String {
    let agents: Vec<String> = runner
        .about
        .agents
        .iter()
        .map(|agent| match (&agent.problem, &agent.version) {
            (Some(_), _) => format!("{} (not usable)", agent.name),
            (None, Some(version)) => format!("{} {version}", agent.name),
            (None, None) => agent.name.clone(),
        })
        .collect();
    agents.join(", ")
}
