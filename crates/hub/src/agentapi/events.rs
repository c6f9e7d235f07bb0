//! `GET …/events`: the conversation as server-sent events. First what makes up
//! the present state, then what changes.

use super::{Asked, Talk, agent_type, refusal};
use crate::http::too_many;
use crate::hub::Parts;
use crate::live::{Changed, Fresh};
use axum::extract::{Extension, Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use pilot_proto::agentapi::{Message, Status};
use pilot_proto::console::Role;
use pilot_proto::{Problem, RunId, Task, TaskId};
use serde_json::json;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc};

/// Events that wait for a reader's socket; a slow reader holds up itself alone,
/// and what changes meanwhile is told once.
const QUEUE: usize = 64;
/// Words come many times a second; nobody reads faster than this.
const PAUSE: Duration = Duration::from_millis(50);

/// Route of the events.
pub(super) async fn tell((State(parts), Extension(who), Path(task)): Asked) -> Response {
    if let Err(problem) = who.require(Role::Viewer) {
        return refusal(&problem);
    }
    if let Err(problem) = parts.task_or_problem(task).await {
        return refusal(&problem);
    }
    let Ok(place) = Arc::clone(&parts.event_streams).try_acquire_owned() else {
        return refusal(&too_many());
    };
    let (out, events) = mpsc::channel(QUEUE);
    let tracker = parts.sockets.clone();
    tracker.spawn(async move {
        // A browser that signs out hears no more; a hub that stops says no more.
        tokio::select! {
            followed = follow(&parts, task, &out) => {
                if let Err(problem) = followed {
                    tracing::debug!(%task, %problem, "a task's events ended");
                }
            }
            () = parts.sessions.left(&who) => {}
            () = parts.stop.cancelled() => {}
            () = out.closed() => {}
        }
        drop(place);
    });
    let events = stream::unfold(events, |mut events: mpsc::Receiver<Event>| async {
        Some((Ok::<_, Infallible>(events.recv().await?), events))
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

type Ring = broadcast::Receiver<Arc<Fresh>>;

async fn follow(parts: &Parts, task: TaskId, out: &mpsc::Sender<Event>) -> Result<(), Problem> {
    // Subscribed first: whatever is committed from here on wakes us.
    let mut changes = parts.fanout.changes();
    let mut journal: Option<(RunId, Ring)> = None;
    let mut talk = Talk::new(task);
    let mut told: Option<Status> = None;
    loop {
        let now = parts.task_or_problem(task).await?;
        watch_run(parts, &now, &mut journal);
        let mut changed = BTreeSet::new();
        let read = talk.catch_up(&parts.store, |id| {
            changed.insert(id);
        });
        read.await.map_err(|error| error.problem())?;
        for message in talk.conversation.messages().filter(|one| changed.contains(&one.id)) {
            if out.send(message_update(message)).await.is_err() {
                return Ok(());
            }
        }
        let status = parts.agent_status(&now).await?;
        if told.replace(status) != Some(status)
            && out.send(status_change(status, &now)).await.is_err()
        {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
        if !woken(task, &mut changes, &mut journal).await {
            return Ok(());
        }
    }
}

/// Follows the journal of the task's present run.
fn watch_run(parts: &Parts, task: &Task, journal: &mut Option<(RunId, Ring)>) {
    if journal.as_ref().map(|(run, _)| *run) != task.run {
        *journal = task.run.map(|run| (run, parts.fanout.journal(run)));
    }
}

/// Waits until something may be different. False when the hub stops.
async fn woken(
    task: TaskId,
    changes: &mut broadcast::Receiver<Changed>,
    journal: &mut Option<(RunId, Ring)>,
) -> bool {
    use broadcast::error::RecvError;
    loop {
        let fresh = async {
            match journal {
                Some((_, ring)) => ring.recv().await.err(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            failed = fresh => match failed {
                // Behind is no loss: everything is read from the store.
                None | Some(RecvError::Lagged(_)) => return true,
                Some(RecvError::Closed) => *journal = None,
            },
            change = changes.recv() => match change {
                Ok(Changed::Task(one)) if one.id == task => return true,
                Ok(Changed::Task(_) | Changed::Runner(_) | Changed::Inbox(_)) => {}
                Err(RecvError::Lagged(_)) => return true,
                Err(RecvError::Closed) => return false,
            },
        }
    }
}

fn message_update(message: &Message) -> Event {
    let Message { id, content, role, time } = message;
    let data = json!({"id": id, "message": content, "role": role, "time": time});
    Event::default().event("message_update").data(data.to_string())
}

fn status_change(status: Status, task: &Task) -> Event {
    let data = json!({"status": status, "agent_type": agent_type(task)});
    Event::default().event("status_change").data(data.to_string())
}
