//! `pilot project children`.

use super::{by_name, keep};
use crate::args::{Globals, ProjectChildren};
use crate::commands::Done;
use crate::output;
use pilot_client::Client;
use pilot_proto::task::ChildBounds;

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    words: ProjectChildren,
) -> anyhow::Result<Done> {
    let mut project = by_name(hub, &words.name).await?;
    let before = project.children;
    let bounds = &mut project.children;
    if let Some(tasks) = words.tasks {
        bounds.tasks = tasks;
        // Whoever lets agents file tasks lets them file at least below a person's.
        bounds.depth = bounds.depth.max(1);
    }
    if let Some(depth) = words.depth {
        bounds.depth = depth;
    }
    if let Some(budget) = words.budget {
        bounds.budget_micros = budget.into();
    }
    let wanted = project.children != before;
    let bounds = if wanted { keep(hub, project).await?.children } else { before };
    output::show(globals, &bounds, || shown(&bounds))?;
    Ok(Done::Well)
}

fn shown(bounds: &ChildBounds) -> String {
    if bounds.tasks == 0 || bounds.depth == 0 {
        return "agents file no tasks".to_owned();
    }
    let ChildBounds { tasks, depth, budget_micros } = bounds;
    let spent = match budget_micros {
        Some(budget) => format!("all of them may spend {}", output::dollars(*budget)),
        None => "each may spend what its parent may".to_owned(),
    };
    format!("agents file at most {tasks} tasks below one, {depth} deep; {spent}")
}
