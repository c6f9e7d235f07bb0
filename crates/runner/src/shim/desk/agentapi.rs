//! The run as AgentAPI, for those inside it: to read. Who tells an agent what
//! to do next is a person, and a process inside is none: what it would say is
//! refused, as AgentAPI refuses it from whoever speaks while the agent works.

use super::http::{self, Events, Reply};
use super::talk::Talk;
use bytes::Bytes;
use hyper::StatusCode;
use pilot_proto::agentapi::{Kind, Message, Send, Status};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Names of agents that AgentAPI has, too.
const KNOWN: [&str; 4] = ["claude", "codex", "gemini", "opencode"];
/// Events that wait for their reader.
const QUEUE: usize = 16;
/// A reader that is still there is told so, and one that is gone is noticed.
const SIGN: Duration = Duration::from_secs(15);
/// Words come many times a second; nobody reads faster than this.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) fn status(talk: &Talk, agent: &str) -> Reply {
    let status = now(talk);
    let agent_type = agent_type(agent);
    let document = json!({"status": status, "agent_type": agent_type, "transport": "acp"});
    http::document(StatusCode::OK, &document)
}

pub(super) fn messages(talk: &Talk) -> Reply {
    http::document(StatusCode::OK, &json!({"messages": talk.messages()}))
}

pub(super) fn message(talk: &Talk, body: &[u8]) -> Reply {
    match serde_json::from_slice::<Send>(body) {
        Err(error) => {
            let why = format!("validation failed: {error}");
            http::refusal(StatusCode::UNPROCESSABLE_ENTITY, &why)
        }
        Ok(Send { kind: Kind::User, .. }) if talk.in_turn() => {
            http::refusal(StatusCode::CONFLICT, Send::BUSY)
        }
        Ok(_) => {
            let why = "what the agent is told, and when it is interrupted, is a person's to say";
            http::refusal(StatusCode::FORBIDDEN, why)
        }
    }
}

/// What makes up the present state, and then what changes.
pub(super) fn events(talk: Arc<Talk>, agent: &str) -> (Reply, impl Future<Output = ()> + use<>) {
    let (out, events) = mpsc::channel(QUEUE);
    let agent_type = agent_type(agent).to_owned();
    let follow = async move {
        let mut changed = talk.watch();
        let mut told: BTreeMap<u64, usize> = BTreeMap::new();
        let mut status = None;
        loop {
            for message in talk.messages() {
                if told.insert(message.id, message.content.len()) != Some(message.content.len())
                    && out.send(message_update(&message)).await.is_err()
                {
                    return;
                }
            }
            let now = now(&talk);
            let data = json!({"status": now, "agent_type": agent_type});
            if status.replace(now) != Some(now)
                && out.send(event("status_change", &data)).await.is_err()
            {
                return;
            }
            tokio::time::sleep(PAUSE).await;
            while tokio::time::timeout(SIGN, changed.changed()).await.is_err() {
                if out.send(Bytes::from_static(b": \n\n")).await.is_err() {
                    return;
                }
            }
        }
    };
    (http::events(Events(events)), follow)
}

fn now(talk: &Talk) -> Status {
    if talk.in_turn() { Status::Running } else { Status::Stable }
}

fn agent_type(agent: &str) -> &str {
    KNOWN.into_iter().find(|known| *known == agent).unwrap_or("custom")
}

fn message_update(message: &Message) -> Bytes {
    let Message { id, content, role, time } = message;
    event("message_update", &json!({"id": id, "message": content, "role": role, "time": time}))
}

/// One line of data: JSON has no line ends of its own.
fn event(name: &str, data: &serde_json::Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}
