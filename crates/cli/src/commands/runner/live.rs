//! `pilot runner doctor --live`: has a runner start its agents, and waits for
//! what they say.

use super::find;
use crate::args::Globals;
use crate::commands::{Done, daemons};
use crate::output;
use pilot_client::Client;
use pilot_proto::console::{Nothing, RunnerList, RunnerSeen, RunnerTry, TryAgent};
use pilot_proto::runner::{AgentFound, LiveCheck};
use pilot_proto::{Code, Problem, RunnerId, Timestamp};
use serde::Serialize;
use std::time::Duration;

/// What is to be tried, where, and with what.
pub(super) struct Wanted<'a> {
    /// Empty: every agent that is there.
    pub(super) agent: &'a str,
    pub(super) runner: &'a Option<String>,
    pub(super) provider: &'a Option<String>,
    pub(super) model: &'a Option<String>,
}

/// Between two looks at what the runner says.
const PAUSE: Duration = Duration::from_millis(500);
/// Behind the runner's own patience with one agent.
const PATIENCE: u32 = 700;

#[derive(Debug, Serialize)]
struct Tried {
    agent: String,
    check: LiveCheck,
}

pub(super) async fn run(
    globals: &Globals,
    hub: &Client,
    wanted: &Wanted<'_>,
) -> anyhow::Result<Done> {
    let name = wanted.runner.clone().unwrap_or_else(daemons::machine_name);
    let runner = find(hub, &name).await?;
    let agents = match wanted.agent {
        "" => usable(&seen(hub, runner).await?),
        agent => vec![agent.to_owned()],
    };
    let mut all = Vec::new();
    for agent in agents {
        match one(hub, runner, &agent, wanted).await {
            Ok(check) => all.push(Tried { agent, check }),
            // Of several that are tried, one has no login: the others are tried.
            Err(error) if wanted.agent.is_empty() => {
                output::note(&format!("{agent}: {error:#}"));
            }
            Err(error) => return Err(error),
        }
    }
    output::table(
        globals,
        &all,
        &["AGENT", "PROVIDER", "SECONDS", "ANSWER"],
        "no agent of this runner could be tried",
        |tried| {
            let check = &tried.check;
            let answer = match &check.problem {
                Some(problem) => format!("{problem} {}", problem.hint).trim_end().to_owned(),
                None => check.answer.trim().to_owned(),
            };
            vec![
                tried.agent.clone(),
                check.provider.clone().unwrap_or_else(|| "-".to_owned()),
                format!("{:.1}", Duration::from_millis(check.took_ms).as_secs_f64()),
                answer,
            ]
        },
    )?;
    let good = all.iter().all(|tried| tried.check.problem.is_none());
    Ok(if good { Done::Well } else { Done::Ended(1) })
}

async fn one(
    hub: &Client,
    runner: RunnerId,
    agent: &str,
    wanted: &Wanted<'_>,
) -> anyhow::Result<LiveCheck> {
    let before = last(&seen(hub, runner).await?, agent).map(|check| check.at);
    let request = TryAgent {
        runner,
        agent: agent.to_owned(),
        provider: wanted.provider.clone(),
        model: wanted.model.clone(),
    };
    hub.call::<RunnerTry>(request).await?;
    for _ in 0..PATIENCE {
        tokio::time::sleep(PAUSE).await;
        let check = last(&seen(hub, runner).await?, agent);
        if let Some(check) = check.filter(|check| is_new(check, before)) {
            return Ok(check);
        }
    }
    let message = format!("the runner has not said what came of `{agent}`");
    Err(Problem::new(Code::Precondition, message).hint("look at the runner's log").into())
}

fn is_new(check: &LiveCheck, before: Option<Timestamp>) -> bool {
    before.is_none_or(|before| check.at > before)
}

async fn seen(hub: &Client, runner: RunnerId) -> anyhow::Result<RunnerSeen> {
    let all = hub.call::<RunnerList>(Nothing {}).await?;
    let gone = || Problem::new(Code::NotFound, format!("there is no runner `{runner}`"));
    Ok(all.into_iter().find(|one| one.id == runner).ok_or_else(gone)?)
}

fn last(runner: &RunnerSeen, agent: &str) -> Option<LiveCheck> {
    runner.about.agents.iter().find(|one| one.name == agent)?.live.clone()
}

fn usable(runner: &RunnerSeen) -> Vec<String> {
    let works = |agent: &&AgentFound| agent.problem.is_none();
    runner.about.agents.iter().filter(works).map(|agent| agent.name.clone()).collect()
}
