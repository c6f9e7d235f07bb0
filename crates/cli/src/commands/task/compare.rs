//! `pilot task compare`.

use super::{find, show};
use crate::args::{Globals, TaskName};
use crate::commands::Done;
use crate::output;
use pilot_client::Client;
use pilot_proto::console::{
    ComparedTask, GroupCompare, GroupComparison, OneGroup, OneTask, TaskShow, TestRun,
};
use pilot_proto::{Code, GroupId, Problem};

/// Files that are listed; `--json` has them all.
const FILES: usize = 40;

pub(crate) async fn run(globals: &Globals, hub: &Client, name: &str) -> anyhow::Result<Done> {
    let group = group_of(hub, name).await?;
    let comparison = hub.call::<GroupCompare>(OneGroup { group }).await?;
    output::show(globals, &comparison, || text(&comparison))?;
    Ok(Done::Well)
}

/// A group by its id, or by one of its tasks.
async fn group_of(hub: &Client, name: &str) -> anyhow::Result<GroupId> {
    let task = find(hub, &TaskName { task: name.to_owned() }).await;
    let shown = match task {
        Ok(task) => hub.call::<TaskShow>(OneTask { task }).await.ok(),
        Err(_) => None,
    };
    match (shown.map(|shown| shown.task.group), name.parse()) {
        (Some(Some(group)), _) => Ok(group),
        (Some(None), _) => {
            let problem = Problem::new(Code::Invalid, format!("`{name}` belongs to no group"));
            Err(problem.hint("`pilot task new --try AGENT --try AGENT` files one").into())
        }
        (None, Ok(group)) => Ok(group),
        (None, Err(_)) => {
            let message = format!("`{name}` is neither a group nor a task");
            Err(Problem::new(Code::NotFound, message).hint("`pilot task list` shows tasks").into())
        }
    }
}

fn text(comparison: &GroupComparison) -> String {
    let base = comparison.base_commit.as_deref().unwrap_or("not known yet");
    let mut text = format!("from commit {base}\n");
    for (index, one) in comparison.tasks.iter().enumerate() {
        text.push_str(&told(letter(index), one));
    }
    text.push('\n');
    for file in comparison.files.iter().take(FILES) {
        let cells: Vec<String> = comparison
            .tasks
            .iter()
            .enumerate()
            .map(|(index, one)| {
                let by = file.by.iter().find(|by| by.task == one.task.id);
                let size = by.map(|by| format!("+{} -{}", by.size.added, by.size.removed));
                format!("{} {:<12}", letter(index), size.unwrap_or_else(|| "·".to_owned()))
            })
            .collect();
        text.push_str(&format!("{} {}\n", cells.join(" "), file.path));
    }
    if let Some(more) = comparison.files.len().checked_sub(FILES).filter(|more| *more > 0) {
        text.push_str(&format!("and {more} more files\n"));
    }
    text.push_str("`pilot task keep TASK` publishes one and stops the others");
    text
}

fn told(letter: char, one: &ComparedTask) -> String {
    let ComparedTask { task, tests, turns, secs, usage, alone } = one;
    let model = task.model.as_ref().map(|model| format!(":{model}")).unwrap_or_default();
    let cost = usage.cost_micros.map_or("-".to_owned(), |micros| {
        format!("${}.{:02}", micros / 1_000_000, micros % 1_000_000 / 10_000)
    });
    let mut text = format!(
        "\n{letter}  {} by {}{model}: {}\n   {} files (+{} -{}), {alone} of them alone; {turns} turns, \
         {}m{:02}s, {cost}, {} tokens in, {} out\n",
        task.id.short(),
        task.agent,
        show::state(task),
        task.diff.files,
        task.diff.added,
        task.diff.removed,
        secs / 60,
        secs % 60,
        usage.input_tokens.saturating_add(usage.cache_read_tokens),
        usage.output_tokens,
    );
    match tests.last() {
        None => text.push_str("   no tests were run\n"),
        Some(TestRun { command, ok, said }) => {
            let end = match ok {
                Some(true) => "passed",
                Some(false) => "FAILED",
                None => "did not end",
            };
            text.push_str(&format!("   {end}: {command}: {said}\n"));
        }
    }
    for reservation in &task.reservations {
        text.push_str(&format!("   ! {reservation}\n"));
    }
    text
}

fn letter(index: usize) -> char {
    u8::try_from(index).ok().and_then(|index| b'A'.checked_add(index)).map_or('?', char::from)
}
