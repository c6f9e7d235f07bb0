//! `pilot project action`.

use super::{by_name, keep};
use crate::args::{Globals, ProjectActionCommand, ProjectActions};
use crate::commands::Done;
use crate::output;
use pilot_client::Client;
use pilot_proto::{Code, Problem, ProjectAction};

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    words: ProjectActions,
) -> anyhow::Result<Done> {
    let mut project = by_name(hub, &words.name).await?;
    let actions = &mut project.actions;
    let place = |name: &str| actions.iter().position(|known| known.name == name);
    match words.command {
        None => {}
        Some(ProjectActionCommand::Add { action, run }) => {
            let known = place(&action);
            let action = ProjectAction { name: action, run };
            match known.and_then(|at| actions.get_mut(at)) {
                Some(known) => *known = action,
                None => actions.push(action),
            }
            project = keep(hub, project).await?;
        }
        Some(ProjectActionCommand::Remove { action }) => {
            let Some(at) = place(&action) else {
                let message = format!("the project `{}` has no action `{action}`", project.name);
                let hint = format!("`pilot project action {}` shows those it has", project.name);
                return Err(Problem::new(Code::NotFound, message).hint(hint).into());
            };
            actions.remove(at);
            project = keep(hub, project).await?;
        }
    }
    let empty = format!(
        "project `{0}` has no actions: `pilot project action {0} add NAME --run 'make serve'`",
        project.name
    );
    output::table(globals, &project.actions, &["ACTION", "RUNS"], &empty, |action| {
        vec![action.name.clone(), action.run.clone()]
    })?;
    Ok(Done::Well)
}
