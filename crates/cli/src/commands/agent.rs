//! `pilot agent`: agents in this machine's runner. Needs no hub.

use super::{Done, connect, daemons};
use crate::args::{Agent, Globals};
use crate::output;
use pilot_runner::installed::{self, Installed};

pub(crate) fn run(globals: &Globals, command: &Agent) -> anyhow::Result<Done> {
    let data = connect::data_directory(globals)?.join("runner");
    match command {
        Agent::List => {
            let all = installed::list(&data);
            let columns = &["AGENT", "INSTALLED", "TESTED", "PACKAGE", "STILL THERE"];
            output::table(globals, &all, columns, "no agents", |one| {
                vec![
                    one.agent.clone(),
                    one.version.clone().unwrap_or_else(|| "-".to_owned()),
                    one.pinned.clone(),
                    one.package.clone(),
                    if one.kept.is_empty() { "-".to_owned() } else { one.kept.join(", ") },
                ]
            })?;
        }
        Agent::Install { agent } => {
            let (name, version) = match agent.split_once('@') {
                Some((name, version)) => (name, Some(version)),
                None => (agent.as_str(), None),
            };
            let environment = daemons::variables();
            let install = installed::install(&data, &environment, name, version);
            let one = connect::runtime()?.block_on(install)?;
            output::show(globals, &one, || {
                let version = one.version.as_deref().unwrap_or_default();
                format!(
                    "`{}` {version} is installed; runs from now on get it{}",
                    one.agent,
                    kept(&one)
                )
            })?;
        }
        Agent::Remove { agent } => {
            let one = installed::remove(&data, agent)?;
            output::show(globals, &one, || format!("`{agent}` is removed{}", kept(&one)))?;
        }
    }
    Ok(Done::Well)
}

fn kept(one: &Installed) -> String {
    if one.kept.is_empty() {
        return String::new();
    }
    format!("; {} stays until no run uses it", one.kept.join(", "))
}
