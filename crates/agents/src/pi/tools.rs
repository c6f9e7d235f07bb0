//! One line on what a tool is about to do, and what it gave back.

use super::text;
use pilot_proto::event::Location;
use serde_json::Value;
use std::path::Path;

/// Longest summary, in characters: a line of a list.
const SUMMARY_MAX: usize = 200;

/// The field of a tool's input that says most, in order of preference.
const TELLING: &[&str] = &["command", "path", "pattern", "question", "plan"];

/// The command, the path, …: on one line; paths relative to the tree.
pub(super) fn summary(tool: &str, input: &Value, tree: &Path) -> String {
    let telling = TELLING.iter().find_map(|field| input[*field].as_str()).unwrap_or_default();
    let line = if tool == "bash" { telling } else { inside(telling, tree) };
    let mut lines = line.trim().lines();
    let first = lines.next().unwrap_or_default();
    let cut: String = first.chars().take(SUMMARY_MAX).collect();
    if cut.len() < first.len() || lines.next().is_some() { cut + "…" } else { cut }
}

/// The file that a tool is about, if it names one.
pub(super) fn locations(input: &Value, tree: &Path) -> Vec<Location> {
    let line = input["offset"].as_u64().and_then(|line| u32::try_from(line).ok());
    let path = input["path"].as_str();
    path.map(|path| Location { path: inside(path, tree).to_owned(), line }).into_iter().collect()
}

fn inside<'a>(path: &'a str, tree: &Path) -> &'a str {
    let inside = Path::new(path).strip_prefix(tree).ok().and_then(Path::to_str);
    inside.filter(|inside| !inside.is_empty()).unwrap_or(path)
}

/// A result's text.
pub(super) fn output(result: &Value) -> String {
    let blocks = result["content"].as_array().into_iter().flatten();
    let texts: Vec<&str> = blocks
        .map(|block| match text(block, "type") {
            "text" => text(block, "text"),
            _ => "(not text)",
        })
        .collect();
    texts.join("\n")
}
