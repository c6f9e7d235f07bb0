//! A task as AgentAPI: what speaks with an agent's terminal through
//! github.com/coder/agentapi speaks so with a task's runs.
//!
//! Nothing is decided here: the messages are a fold over the journals of the
//! task's runs, the status is the task's, and a message is what `task_say` is.
//! Errors are problem details (RFC 9457), as AgentAPI's are, except at the
//! hub's own gate, which stands before these routes as before all others.

mod events;

use crate::commands::check_text;
use crate::core::Steer;
use crate::gate::Principal;
use crate::http::status;
use crate::hub::Parts;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use pilot_proto::agentapi::{Bounds, Conversation, Kind, Send, Status};
use pilot_proto::console::{AGENTAPI_PATH, JournalPart, Role};
use pilot_proto::inbox::Need;
use pilot_proto::runner::Act;
use pilot_proto::{Code, Problem, RunId, Task, TaskId, TaskState};
use pilot_store::{Store, StoreError, Want};
use serde_json::json;
use std::sync::Arc;

/// What is kept of a conversation while it is told: a long one, and no more of
/// the hub's memory than a few requests may have.
const BOUNDS: Bounds = Bounds { messages: 2000, content: 256 * 1024, total: 8 * 1024 * 1024 };
/// Records read at once, and how much JSON.
const PAGE: (usize, usize) = (10_000, 1024 * 1024);
/// Names of agents that AgentAPI has, too.
const KNOWN: [&str; 4] = ["claude", "codex", "gemini", "opencode"];

/// All of them.
pub(crate) fn routes() -> Router<Arc<Parts>> {
    let path = |end: &str| format!("{AGENTAPI_PATH}/{end}");
    Router::new()
        .route(&path("status"), get(tell_status))
        .route(&path("messages"), get(tell_messages))
        .route(&path("message"), post(take_message))
        .route(&path("events"), get(events::tell))
}

type Asked = (State<Arc<Parts>>, Extension<Principal>, Path<TaskId>);

async fn tell_status((State(parts), Extension(who), Path(task)): Asked) -> Response {
    let told = async {
        who.require(Role::Viewer)?;
        let task = parts.task_or_problem(task).await?;
        let status = parts.agent_status(&task).await?;
        Ok(json!({"status": status, "agent_type": agent_type(&task), "transport": "acp"}))
    };
    answer(told.await)
}

async fn tell_messages((State(parts), Extension(who), Path(task)): Asked) -> Response {
    let told = async {
        who.require(Role::Viewer)?;
        parts.task_or_problem(task).await?;
        let mut talk = Talk::new(task);
        talk.catch_up(&parts.store, |_| ()).await.map_err(|error| error.problem())?;
        let messages: Vec<_> = talk.conversation.messages().collect();
        Ok(json!({"messages": messages}))
    };
    answer(told.await)
}

async fn take_message((State(parts), Extension(who), Path(task)): Asked, body: Bytes) -> Response {
    let taken = async {
        who.require(Role::Operator)?;
        let send: Send = serde_json::from_slice(&body)
            .map_err(|error| Problem::new(Code::Invalid, format!("validation failed: {error}")))?;
        parts.send(task, send).await?;
        Ok(json!({"ok": true}))
    };
    answer(taken.await)
}

fn answer(answered: Result<serde_json::Value, Problem>) -> Response {
    match answered {
        Ok(document) => Json(document).into_response(),
        Err(problem) => refusal(&problem),
    }
}

fn refusal(problem: &Problem) -> Response {
    // AgentAPI calls a body that makes no sense unprocessable.
    let status = match status(problem.code) {
        StatusCode::BAD_REQUEST => StatusCode::UNPROCESSABLE_ENTITY,
        status => status,
    };
    let document = json!({
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": problem.message,
    });
    (status, [(CONTENT_TYPE, "application/problem+json")], document.to_string()).into_response()
}

fn agent_type(task: &Task) -> &str {
    KNOWN.into_iter().find(|known| *known == task.agent).unwrap_or("custom")
}

/// Whether what is said now begins a turn. Only people answer what a run asks;
/// until they have, its agent works.
fn rests(task: &Task) -> bool {
    match &task.state {
        TaskState::NeedsYou { need, .. } => *need == Need::Interrupted,
        TaskState::Ready
        | TaskState::InReview { .. }
        | TaskState::Merged { .. }
        | TaskState::Closed { .. }
        | TaskState::Published { .. }
        | TaskState::NoChange
        | TaskState::Failed { .. }
        | TaskState::Cancelled => true,
        TaskState::Queued
        | TaskState::Leased { .. }
        | TaskState::Working { .. }
        | TaskState::Publishing => false,
    }
}

impl Parts {
    async fn agent_status(&self, task: &Task) -> Result<Status, Problem> {
        if !rests(task) {
            return Ok(Status::Running);
        }
        // What was said is on its way to the run.
        let orders = match task.run.filter(|_| !task.state.is_end()) {
            Some(run) => self.store.orders(run).await.map_err(|error| error.problem())?,
            None => Vec::new(),
        };
        let told = |act: &Act| matches!(act, Act::Say { .. } | Act::Answer { .. } | Act::Stop);
        let told = orders.iter().any(|order| told(&order.act));
        Ok(if told { Status::Running } else { Status::Stable })
    }

    async fn send(&self, id: TaskId, send: Send) -> Result<(), Problem> {
        let task = self.task_or_problem(id).await?;
        match send.kind {
            Kind::User => {
                check_text(&send.content)?;
                if self.agent_status(&task).await? == Status::Running {
                    return Err(Problem::new(Code::Precondition, Send::BUSY));
                }
                self.core.steer(id, Steer::Say(send.content)).await?;
            }
            Kind::Raw if send.content == Send::INTERRUPT => {
                self.core.steer(id, Steer::Interrupt).await?;
            }
            Kind::Raw => {
                let message = "a run has no terminal: of all keys only Ctrl-C means something";
                return Err(Problem::new(Code::Invalid, message));
            }
        }
        Ok(())
    }
}

/// A task's conversation, as far as it was read.
struct Talk {
    task: TaskId,
    conversation: Conversation,
    /// The run that is read, and up to where.
    at: Option<(RunId, u64)>,
}

impl Talk {
    fn new(task: TaskId) -> Self {
        Self { task, conversation: Conversation::within(BOUNDS), at: None }
    }

    /// Reads what was committed since the last time; tells of each message that
    /// is new or different, by its id.
    async fn catch_up(
        &mut self,
        store: &Store,
        mut changed: impl FnMut(u64),
    ) -> Result<(), StoreError> {
        let runs = store.runs(self.task).await?;
        let begin = self.at.and_then(|(run, _)| runs.iter().position(|one| one.id == run));
        for run in &runs[begin.unwrap_or(0)..] {
            let mut position = self.at.filter(|(at, _)| *at == run.id).map_or(0, |(_, seq)| seq);
            loop {
                let part = JournalPart::Conversation.into();
                let want = Want { part, limit: PAGE.0, max_bytes: PAGE.1 };
                let page = store.records_after(run.id, position, &want).await?;
                for record in &page.records {
                    if self.conversation.take_in(record.at, &record.event)
                        && let Some(last) = self.conversation.messages().last()
                    {
                        changed(last.id);
                    }
                }
                position = page.reached;
                if page.end {
                    break;
                }
            }
            self.at = Some((run.id, position));
        }
        Ok(())
    }
}
