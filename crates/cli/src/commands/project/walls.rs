//! `pilot project walls`.

use super::{by_name, keep};
use crate::args::{Globals, ProjectWalls, WallsName};
use crate::commands::Done;
use crate::output;
use pilot_client::Client;
use pilot_proto::{Code, Problem, Project, WallsKind, WallsWish};

pub(crate) async fn run(
    globals: &Globals,
    hub: &Client,
    words: ProjectWalls,
) -> anyhow::Result<Done> {
    let mut project = by_name(hub, &words.name).await?;
    if words.kind == Some(WallsName::Off) && !words.yes {
        let message = "without walls an agent can do what the runner's user can: read its files, its keys and other runs, and reach its network";
        let hint =
            "say `--yes` as well if you mean it; `--kind landlock` works where bubblewrap cannot";
        return Err(Problem::new(Code::Precondition, message).hint(hint).into());
    }
    let before = project.walls;
    let wish = &mut project.walls;
    if let Some(kind) = words.kind {
        wish.kind = kind.into();
    }
    for (limit, said) in [
        (&mut wish.limits.memory_mb, words.memory_mb),
        (&mut wish.limits.pids, words.pids),
        (&mut wish.limits.cpu_percent, words.cpu_percent),
        (&mut wish.limits.disk_mb, words.disk_mb),
    ] {
        if let Some(said) = said {
            *limit = said.into();
        }
    }
    let wanted: Project = project;
    let walls = if wanted.walls == before { before } else { keep(hub, wanted).await?.walls };
    if globals.json {
        output::json(&walls)?;
    } else {
        show(&walls)?;
    }
    Ok(Done::Well)
}

fn show(walls: &WallsWish) -> anyhow::Result<()> {
    let kind = match walls.kind {
        WallsKind::Auto => "auto: the best that the runner's machine can do",
        WallsKind::Bubblewrap => "bubblewrap",
        WallsKind::Landlock => "landlock: files and system calls only",
        WallsKind::Container => "container",
        WallsKind::Off => "OFF: the agent can do what the runner's user can",
        WallsKind::Unknown => "of a kind this version does not know",
    };
    let limits = walls.limits;
    let rows = [
        ("memory", limits.memory_mb, " MiB"),
        ("processes", limits.pids, ""),
        ("processor", limits.cpu_percent, " % of a core"),
        ("disk", limits.disk_mb, " MiB"),
        ("one file", limits.file_mb, " MiB"),
        ("/tmp", limits.tmp_mb, " MiB"),
        ("open files", limits.open_files, ""),
    ];
    output::write(|out| {
        writeln!(out, "{:<10} {kind}", "walls")?;
        for (name, limit, unit) in rows {
            match limit {
                Some(limit) => writeln!(out, "{name:<10} {limit}{unit}")?,
                None => writeln!(out, "{name:<10} no limit")?,
            }
        }
        writeln!(out, "`pilot task network TASK` shows the walls that a run really had.")
    })
}
