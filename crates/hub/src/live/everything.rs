//! A watch of everything: the present state, then every change.
//!
//! A change that is told twice, or is older than the state already sent, does
//! no harm: of each thing the last message is the present one.

use super::fanout::Changed;
use super::{Gone, tell};
use crate::hub::Parts;
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
    present(parts, out, watch, None).await?;
    loop {
        match ring.recv().await {
            Ok(changed) => tell(out, message(watch, changed)).await?,
            Err(RecvError::Lagged(by)) => {
                tell(out, ToConsole::Behind { watch, by, after: None }).await?;
                // Items answered meanwhile too: the console may show them as open.
                present(parts, out, watch, Some(true)).await?;
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

fn message(watch: u32, changed: Changed) -> ToConsole {
    match changed {
        Changed::Task(task) => ToConsole::Task { watch, task: Box::new((*task).clone()) },
        Changed::Runner(runner) => ToConsole::Runner { watch, runner: Box::new((*runner).clone()) },
        Changed::Inbox(item) => ToConsole::Inbox { watch, item: Box::new((*item).clone()) },
    }
}

async fn present(
    parts: &Parts,
    out: &mpsc::Sender<ToConsole>,
    watch: u32,
    all: Option<bool>,
) -> Result<(), Stop> {
    for runner in parts.directory.all() {
        tell(out, ToConsole::Runner { watch, runner: Box::new(runner) }).await?;
    }
    let mut before = None;
    loop {
        let query = TaskQuery { limit: Some(PAGE), before, ..TaskQuery::default() };
        let tasks = parts.store.tasks(&query).await?;
        let Some(last) = tasks.last().map(|task| task.id) else { break };
        before = Some(last);
        for task in tasks {
            tell(out, ToConsole::Task { watch, task: Box::new(task) }).await?;
        }
    }
    for item in parts.store.inbox(&InboxQuery { task: None, all }).await? {
        tell(out, ToConsole::Inbox { watch, item: Box::new(item) }).await?;
    }
    Ok(())
}
