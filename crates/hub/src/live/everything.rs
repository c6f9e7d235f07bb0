//! A watch of everything: the present state, then every change.
//!
//! A change that is told twice, or is older than the state already sent, does
//! no harm: of each thing the last message is the present one.

use super::fanout::Changed;
use super::{Gone, tell};
use crate::hub::Parts;
use pilot_proto::Task;
use pilot_proto::console::{InboxQuery, TaskQuery, ToConsole};
use pilot_store::StoreError;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

/// Tasks read at once for the present state.
const PAGE: u32 = 500;

/// Runs until the console goes or the hub stops.
pub(crate) async fn watch(parts: &Parts, out: &mpsc::Sender<ToConsole>, watch: u32) {
    // Subscribe first: no change between the state and the ring is missed.
    let mut ring = parts.fanout.changes();
    if tell(out, ToConsole::Watching { watch }).await.is_err() {
        return;
    }
    let problem = match follow(parts, out, watch, &mut ring).await {
        Ok(()) | Err(Stop::Gone) => return,
        Err(Stop::Store(error)) => error.problem(),
    };
    // A console that went meanwhile needs no good-bye.
    tell(out, ToConsole::Ended { watch, problem: Some(problem) }).await.ok();
}

enum Stop {
    Gone,
    Store(StoreError),
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn follow(
    parts: &Parts,
    out: &mpsc::Sender<ToConsole>,
    watch: u32,
    ring: &mut tokio::sync::broadcast::Receiver<Changed>,
) -> Result<(), Stop> {
    present(parts, out, watch).await?;
    loop {
        match ring.recv().await {
            Ok(changed) => tell(out, message(watch, changed)).await?,
            Err(RecvError::Lagged(by)) => {
                tell(out, ToConsole::Behind { watch, by, after: None }).await?;
                present(parts, out, watch).await?;
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

fn message(watch: u32, changed: Changed) -> ToConsole {
    match changed {
        Changed::Task(task) => ToConsole::Task { watch, task: Box::new(cut((*task).clone())) },
        Changed::Runner(runner) => ToConsole::Runner { watch, runner: Box::new((*runner).clone()) },
        Changed::Inbox(item) => ToConsole::Inbox { watch, item: Box::new((*item).clone()) },
    }
}

/// Lists show the beginning; thousands of whole prompts are megabytes.
fn cut(mut task: Task) -> Task {
    if let Some((end, _)) = task.prompt.char_indices().nth(ToConsole::PROMPT_CUT) {
        task.prompt.truncate(end);
    }
    task
}

async fn present(parts: &Parts, out: &mpsc::Sender<ToConsole>, watch: u32) -> Result<(), Stop> {
    let mut runners = parts.directory.all();
    let mut inbox = parts.store.inbox(&InboxQuery::default()).await?;
    let (mut before, mut first) = (None, true);
    loop {
        let query = TaskQuery { limit: Some(PAGE), before, ..TaskQuery::default() };
        let tasks = parts.store.tasks(&query).await?;
        before = tasks.last().map(|task| task.id);
        let last = tasks.len() < PAGE as usize;
        let part = ToConsole::Present {
            watch,
            tasks: tasks.into_iter().map(cut).collect(),
            runners: std::mem::take(&mut runners),
            inbox: std::mem::take(&mut inbox),
            first: std::mem::take(&mut first),
            last,
        };
        tell(out, part).await?;
        if last {
            return Ok(());
        }
    }
}
