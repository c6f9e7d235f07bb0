//! `pilot project`.

mod action;
mod children;
mod permissions;
mod policy;
mod pull_requests;
mod review;
mod schedule;
mod secret;
mod trigger;
mod walls;

use super::{Done, connect};
use crate::args::{Globals, Project};
use crate::output;
use pilot_client::Client;
use pilot_proto::console::{Named, Nothing, ProjectAdd, ProjectList, ProjectRemove};
use pilot_proto::{Code, Problem};

pub(crate) fn run(globals: &Globals, command: Project) -> anyhow::Result<Done> {
    connect::with_hub(globals, async |hub| {
        match command {
            Project::Add { name, repo, forge, base, agent, setup, profile, remote_control } => {
                let repo = absolute(repo)?;
                let known = hub.call::<ProjectList>(Nothing {}).await?;
                let known = known.into_iter().find(|project| project.name == name);
                // What this command does not speak of stays as it is.
                let project = match known {
                    Some(known) => {
                        pilot_proto::Project { name, repo, forge, base, agent, setup, ..known }
                    }
                    None => pilot_proto::Project {
                        name,
                        repo,
                        forge,
                        base,
                        agent,
                        setup,
                        network: Default::default(),
                        walls: Default::default(),
                        secrets: Vec::new(),
                        permissions: Default::default(),
                        profile: None,
                        review: None,
                        children: Default::default(),
                        remote_control: false,
                        actions: Vec::new(),
                        pull_requests: Default::default(),
                    },
                };
                let profile = match profile.as_deref() {
                    Some("none") => None,
                    Some(name) => Some(name.to_owned()),
                    None => project.profile.clone(),
                };
                let remote_control = remote_control.unwrap_or(project.remote_control);
                let project = pilot_proto::Project { profile, remote_control, ..project };
                let project = keep(hub, project).await?;
                output::show(globals, &project, || {
                    format!("project `{}` is {}", project.name, project.repo)
                })
            }
            Project::Action(words) => return action::run(globals, hub, words).await,
            Project::Policy(words) => return policy::run(globals, hub, words).await,
            Project::Children(words) => return children::run(globals, hub, words).await,
            Project::Permissions(words) => return permissions::run(globals, hub, words).await,
            Project::Walls(words) => return walls::run(globals, hub, words).await,
            Project::Review(words) => return review::run(globals, hub, words).await,
            Project::Trigger(words) => return trigger::run(globals, hub, *words).await,
            Project::Schedule(words) => return schedule::run(globals, hub, words).await,
            Project::PullRequests(words) => return pull_requests::run(globals, hub, *words).await,
            Project::Secret(words) => return secret::run(globals, hub, words).await,
            Project::List => {
                let projects = hub.call::<ProjectList>(Nothing {}).await?;
                output::table(
                    globals,
                    &projects,
                    &["NAME", "REPOSITORY", "FORGE", "BASE", "AGENT", "WALLS", "GATE"],
                    "no projects: `pilot project add NAME --repo URL`",
                    |project| {
                        vec![
                            project.name.clone(),
                            project.repo.clone(),
                            project.forge.clone().unwrap_or_else(|| "-".to_owned()),
                            project.base.clone().unwrap_or_else(|| "default".to_owned()),
                            project.agent.clone(),
                            output::word(&project.walls.kind),
                            output::word(&project.network.gate),
                        ]
                    },
                )
            }
            Project::Remove { name } => {
                let gone = hub.call::<ProjectRemove>(Named { name: name.clone() }).await?;
                output::show(globals, &gone, || format!("project `{name}` is removed"))
            }
        }?;
        Ok(Done::Well)
    })
}

/// The project, or a word about those there are.
async fn by_name(hub: &Client, name: &str) -> anyhow::Result<pilot_proto::Project> {
    let projects = hub.call::<ProjectList>(Nothing {}).await?;
    if let Some(project) = projects.into_iter().find(|project| project.name == name) {
        return Ok(project);
    }
    let problem = Problem::new(Code::NotFound, format!("there is no project `{name}`"));
    Err(problem.hint("`pilot project list` shows those there are").into())
}

async fn keep(hub: &Client, project: pilot_proto::Project) -> anyhow::Result<pilot_proto::Project> {
    Ok(hub.call::<ProjectAdd>(project).await?)
}

/// A path is meant from where the person stands; the hub stands elsewhere.
fn absolute(repo: String) -> anyhow::Result<String> {
    let path = std::path::Path::new(&repo);
    if !repo.contains(':') && path.exists() {
        return Ok(std::fs::canonicalize(path)?.to_string_lossy().into_owned());
    }
    Ok(repo)
}
