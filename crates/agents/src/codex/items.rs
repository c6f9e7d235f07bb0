//! One kind of thing that happens in a turn, as Codex tells it (`item`): what
//! of it is a tool, what it is about, and what came of it.

use super::{command, text};
use pilot_proto::event::Location;
use serde_json::{Value, json};
use std::path::Path;

/// Longest summary, in characters: a line of a list.
const SUMMARY_MAX: usize = 200;

/// A tool call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) input: Value,
    pub(super) summary: String,
    pub(super) locations: Vec<Location>,
}

/// The tool call that an item is; none for an item that is something else.
pub(super) fn tool(item: &Value, tree: &Path) -> Option<Tool> {
    let named = |name: &str, input: Value, summary: &str| {
        let summary = one_line(inside(summary, tree));
        Some(Tool { name: name.to_owned(), input, summary, locations: Vec::new() })
    };
    match text(item, "type") {
        "commandExecution" => {
            let command = command::unwrapped(text(item, "command"));
            named("shell", json!({"command": command, "cwd": item["cwd"]}), &command)
        }
        "fileChange" => Some(file_change(item, tree)),
        "mcpToolCall" => {
            let name = format!("{}/{}", text(item, "server"), text(item, "tool"));
            let input = item["arguments"].clone();
            let summary = input.to_string();
            named(&name, input, &summary)
        }
        "dynamicToolCall" => {
            let input = item["arguments"].clone();
            let summary = input.to_string();
            named(text(item, "tool"), input, &summary)
        }
        "webSearch" => {
            let input = json!({"query": item["query"], "action": item["action"]});
            named("web_search", input, text(item, "query"))
        }
        "imageView" => {
            let path = text(item, "path");
            let mut tool = named("view_image", json!({"path": path}), path)?;
            tool.locations.push(location(path, tree));
            Some(tool)
        }
        "imageGeneration" => {
            let prompt = text(item, "revisedPrompt");
            named("image_generation", json!({"prompt": prompt}), prompt)
        }
        // Only the start of a subagent; what it does comes from its own thread.
        "subAgentActivity" if text(item, "kind") == "started" => {
            let agent = text(item, "agentPath");
            named("spawn_agent", json!({"agent": agent, "model": item["model"]}), agent)
        }
        "collabAgentToolCall" => {
            let prompt = text(item, "prompt");
            let input = json!({"agents": item["receiverThreadIds"], "prompt": prompt});
            named(&format!("agents/{}", text(item, "tool")), input, prompt)
        }
        _ => None,
    }
}

fn file_change(item: &Value, tree: &Path) -> Tool {
    let paths: Vec<&str> = changes(item).map(|change| text(change, "path")).collect();
    let shown: Vec<&str> = paths.iter().map(|path| inside(path, tree)).collect();
    Tool {
        name: "apply_patch".to_owned(),
        input: json!({"changes": item["changes"]}),
        summary: one_line(&shown.join(", ")),
        locations: paths.iter().map(|path| location(path, tree)).collect(),
    }
}

fn changes(item: &Value) -> impl Iterator<Item = &Value> {
    item["changes"].as_array().into_iter().flatten()
}

fn location(path: &str, tree: &Path) -> Location {
    Location { path: inside(path, tree).to_owned(), line: None }
}

/// A path relative to the tree if it is inside of it.
fn inside<'a>(path: &'a str, tree: &Path) -> &'a str {
    let inside = Path::new(path).strip_prefix(tree).ok().and_then(Path::to_str);
    inside.filter(|inside| !inside.is_empty()).unwrap_or(path)
}

pub(super) fn one_line(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    let cut: String = first.chars().take(SUMMARY_MAX).collect();
    if cut.len() < first.len() || lines.next().is_some() { cut + "…" } else { cut }
}

/// Whether a tool call that is over did its work, and what it gave back.
pub(super) fn outcome(item: &Value, tree: &Path) -> (bool, String) {
    let status = text(item, "status");
    let ok = matches!(status, "" | "completed");
    let output = match text(item, "type") {
        "commandExecution" => {
            let output = text(item, "aggregatedOutput");
            match item["exitCode"].as_i64().filter(|code| *code != 0) {
                Some(code) => format!("{output}(exit code {code})"),
                None => output.to_owned(),
            }
        }
        "fileChange" => {
            let line = |change: &Value| {
                format!("{} {}", text(&change["kind"], "type"), inside(text(change, "path"), tree))
            };
            changes(item).map(line).collect::<Vec<_>>().join("\n")
        }
        "mcpToolCall" => match item["error"]["message"].as_str() {
            Some(error) => error.to_owned(),
            None => texts(&item["result"]["content"]),
        },
        "dynamicToolCall" => texts(&item["contentItems"]),
        "imageGeneration" => text(item, "savedPath").to_owned(),
        _ => String::new(),
    };
    let output = if output.is_empty() && !ok { format!("({status})") } else { output };
    (ok, output)
}

fn texts(blocks: &Value) -> String {
    let blocks = blocks.as_array().into_iter().flatten();
    blocks
        .map(|block| block["text"].as_str().unwrap_or("(not text)"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// What an item says in words: its text, and the questions that go with it.
pub(super) fn said(item: &Value) -> String {
    let mut said = text(item, "text").to_owned();
    for question in item["questions"].as_array().into_iter().flatten() {
        let options: Vec<&str> = question["options"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        said.push_str(&format!("\n- {}", text(question, "title")));
        if !options.is_empty() {
            said.push_str(&format!(" ({})", options.join(", ")));
        }
    }
    said
}

/// What it thought: the summary, or all of it where there is none.
pub(super) fn thought(item: &Value) -> String {
    let parts = |field: &str| {
        let parts = item[field].as_array().into_iter().flatten().filter_map(Value::as_str);
        parts.collect::<Vec<_>>().join("\n\n")
    };
    let summary = parts("summary");
    if summary.is_empty() { parts("content") } else { summary }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_says_in_one_line_what_it_is_about() {
        let tree = Path::new("/w/tree");
        let check = |item: Value, expected: (&str, &str, &[&str])| {
            let tool = tool(&item, tree).expect("it is a tool");
            let paths: Vec<&str> = tool.locations.iter().map(|one| one.path.as_str()).collect();
            assert_eq!((tool.name.as_str(), tool.summary.as_str(), paths.as_slice()), expected);
        };
        check(
            json!({"type": "commandExecution", "command": "/bin/bash -lc 'ls -l\nrm x'"}),
            ("shell", "ls -l…", &[]),
        );
        check(
            json!({"type": "fileChange", "changes": [{"path": "/w/tree/a"}, {"path": "/etc/b"}]}),
            ("apply_patch", "a, /etc/b", &["a", "/etc/b"]),
        );
        check(
            json!({"type": "mcpToolCall", "server": "s", "tool": "t", "arguments": {"x": 1}}),
            ("s/t", r#"{"x":1}"#, &[]),
        );
        check(json!({"type": "webSearch", "query": "rust"}), ("web_search", "rust", &[]));
        check(
            json!({"type": "imageView", "path": "/w/tree/a.png"}),
            ("view_image", "a.png", &["a.png"]),
        );
        assert_eq!(tool(&json!({"type": "contextCompaction"}), tree), None);
    }

    #[test]
    fn what_a_tool_gave_back_is_told() {
        let tree = Path::new("/w/tree");
        let failed = json!({"type": "commandExecution", "status": "failed", "exitCode": 2,
            "aggregatedOutput": "no\n"});
        assert_eq!(outcome(&failed, tree), (false, "no\n(exit code 2)".to_owned()));
        let declined = json!({"type": "commandExecution", "status": "declined"});
        assert_eq!(outcome(&declined, tree), (false, "(declined)".to_owned()));
        let change = json!({"type": "fileChange", "status": "completed",
            "changes": [{"path": "/w/tree/a", "kind": {"type": "add"}}]});
        assert_eq!(outcome(&change, tree), (true, "add a".to_owned()));
        let mcp = json!({"type": "mcpToolCall", "status": "completed",
            "result": {"content": [{"type": "text", "text": "one"}, {"type": "image"}]}});
        assert_eq!(outcome(&mcp, tree), (true, "one\n(not text)".to_owned()));
    }
}
