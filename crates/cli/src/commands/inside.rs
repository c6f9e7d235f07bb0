//! `pilot inside` and the MCP server, for what runs within a run's walls.

use super::{Done, connect};
use crate::args::Inside;
use crate::output;
use pilot_proto::{Code, Problem};
use pilot_runner::workspace;
use serde_json::{Value, json};
use std::io::Read;
use std::path::PathBuf;

/// Longest arguments of a tool that are read; the socket takes less.
const LONGEST: u64 = 1024 * 1024;

pub(crate) fn run(command: Inside) -> anyhow::Result<Done> {
    let socket = socket()?;
    let call = |tool: &str, arguments: Value| workspace::call(&socket, tool, &arguments);
    let answered = match command {
        Inside::Status { text } => call("report_status", json!({"text": text})),
        Inside::Ask { question, option } => {
            call("ask_person", json!({"question": question, "options": option}))
        }
        Inside::Attach { path, name } => {
            // Meant from where the caller stands.
            let path = std::path::absolute(path)?;
            call("attach_artifact", with(json!({"path": path}), "name", name))
        }
        Inside::NewTask { prompt, title, agent, model, budget, token } => {
            let mut wish = json!({"prompt": prompt});
            for (name, value) in
                [("title", title), ("agent", agent), ("model", model), ("token", token)]
            {
                wish = with(wish, name, value);
            }
            call("new_task", with(wish, "budget_usd", budget))
        }
        Inside::Tasks => call("list_tasks", json!({})),
        Inside::Result { task, wait } => {
            call("task_result", json!({"task": task, "wait_secs": wait}))
        }
        Inside::Tools => workspace::look(&socket, "/tools"),
        Inside::Call { tool } => {
            let mut text = String::new();
            std::io::stdin().take(LONGEST).read_to_string(&mut text)?;
            call(
                &tool,
                if text.trim().is_empty() { json!({}) } else { serde_json::from_str(&text)? },
            )
        }
    };
    match answered {
        Ok(document) => output::json(&document)?,
        Err(why) => return Err(Problem::new(Code::Precondition, why).into()),
    }
    Ok(Done::Well)
}

/// The MCP server; started by agents.
pub(crate) fn serve_mcp() -> anyhow::Result<Done> {
    workspace::serve_mcp(&socket()?)?;
    Ok(Done::Well)
}

fn with(mut document: Value, name: &str, value: Option<impl Into<Value>>) -> Value {
    if let Some(value) = value {
        document[name] = value.into();
    }
    document
}

fn socket() -> anyhow::Result<PathBuf> {
    let socket = connect::environment(workspace::VARIABLE).map(PathBuf::from);
    socket.ok_or_else(|| {
        Problem::new(Code::Precondition, "this is not the inside of a run with a socket")
            .hint("it works where `PILOTHOUSE_SOCKET` is set: for what an agent starts")
            .into()
    })
}
