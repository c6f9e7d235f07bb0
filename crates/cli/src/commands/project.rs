//! `pilot project`.

use super::{Done, connect};
use crate::args::{Globals, Project};
use crate::output;
use pilot_proto::console::{Named, Nothing, ProjectAdd, ProjectList, ProjectRemove};

pub(crate) fn run(globals: &Globals, command: Project) -> anyhow::Result<Done> {
    connect::with_hub(globals, async |hub| {
        match command {
            Project::Add { name, repo, forge, base, agent, setup } => {
                let repo = absolute(repo)?;
                let project = pilot_proto::Project { name, repo, forge, base, agent, setup };
                let project = hub.call::<ProjectAdd>(project).await?;
                output::show(globals, &project, || {
                    format!("project `{}` is {}", project.name, project.repo)
                })
            }
            Project::List => {
                let projects = hub.call::<ProjectList>(Nothing {}).await?;
                output::table(
                    globals,
                    &projects,
                    &["NAME", "REPOSITORY", "FORGE", "BASE", "AGENT"],
                    "no projects: `pilot project add NAME --repo URL`",
                    |project| {
                        vec![
                            project.name.clone(),
                            project.repo.clone(),
                            project.forge.clone().unwrap_or_else(|| "-".to_owned()),
                            project.base.clone().unwrap_or_else(|| "default".to_owned()),
                            project.agent.clone(),
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

/// A path is meant from where the person stands; the hub stands elsewhere.
fn absolute(repo: String) -> anyhow::Result<String> {
    let path = std::path::Path::new(&repo);
    if !repo.contains(':') && path.exists() {
        return Ok(std::fs::canonicalize(path)?.to_string_lossy().into_owned());
    }
    Ok(repo)
}
