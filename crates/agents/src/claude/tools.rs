//! One line on what a tool is about to do, and what it gave back.

use pilot_proto::event::Location;
use serde_json::Value;
use std::path::Path;

/// Longest summary, in characters: a line of a list.
const SUMMARY_MAX: usize = 200;

/// The field of a tool's input that says most, in order of preference.
const TELLING: &[&str] =
    &["command", "file_path", "notebook_path", "pattern", "url", "query", "description", "skill"];

/// The command, the path, …: on one line; paths relative to the tree.
pub(super) fn summary(tool: &str, input: &Value, tree: &Path) -> String {
    let telling = match tool {
        "AskUserQuestion" => input["questions"][0]["question"].as_str(),
        "ExitPlanMode" => input["plan"].as_str(),
        _ => TELLING.iter().find_map(|field| input[*field].as_str()),
    };
    let line = telling.unwrap_or_default();
    let line = Path::new(line)
        .strip_prefix(tree)
        .ok()
        .and_then(Path::to_str)
        .filter(|inside| !inside.is_empty())
        .unwrap_or(line);
    one_line(line)
}

/// The file that a tool is about, if it names one.
pub(super) fn locations(input: &Value, tree: &Path) -> Vec<Location> {
    let path = ["file_path", "notebook_path"].iter().find_map(|field| input[*field].as_str());
    let inside = |path: &str| {
        let inside = Path::new(path).strip_prefix(tree).ok().and_then(Path::to_str);
        inside.filter(|inside| !inside.is_empty()).unwrap_or(path).to_owned()
    };
    let line = input["offset"].as_u64().and_then(|line| u32::try_from(line).ok());
    path.map(|path| Location { path: inside(path), line }).into_iter().collect()
}

/// The command lines that a tool would run.
pub(super) fn commands(input: &Value) -> Vec<String> {
    input["command"].as_str().map(str::to_owned).into_iter().collect()
}

/// The files that it would touch, those in the tree relative to it.
pub(super) fn paths(input: &Value, tree: &Path) -> Vec<String> {
    let fields = ["file_path", "notebook_path", "path"];
    let inside = |path: &str| match Path::new(path).strip_prefix(tree).ok().and_then(Path::to_str) {
        Some("") => ".".to_owned(),
        Some(inside) => inside.to_owned(),
        None => path.to_owned(),
    };
    fields.iter().filter_map(|field| input[*field].as_str()).map(inside).collect()
}

fn one_line(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    let cut: String = first.chars().take(SUMMARY_MAX).collect();
    if cut.len() < first.len() || lines.next().is_some() { cut + "…" } else { cut }
}

/// A tool result's text: a string, or blocks of which some are text.
pub(super) fn output(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<&str> =
                blocks.iter().map(|block| block["text"].as_str().unwrap_or("(not text)")).collect();
            texts.join("\n")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_summary_is_one_line_that_says_what_happens() {
        let tree = Path::new("/w/tree");
        let check = |tool: &str, input: Value, expected: &str| {
            assert_eq!(summary(tool, &input, tree), expected, "{tool} {input}");
        };
        check("Bash", json!({"command": "ls -l\nrm x", "description": "d"}), "ls -l…");
        check("Write", json!({"file_path": "/w/tree/src/a.rs", "content": "x"}), "src/a.rs");
        check("Read", json!({"file_path": "/etc/passwd"}), "/etc/passwd");
        check("Glob", json!({"pattern": "**/*.rs", "path": "/w/tree"}), "**/*.rs");
        check("Odd", json!({"x": 1}), "");
        check("Odd", json!("text"), "");
    }
}
