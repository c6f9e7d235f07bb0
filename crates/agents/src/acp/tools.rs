//! Tool calls as the protocol tells them: a call, then updates that say more
//! of it each, then its end. Some agents begin with less than a reader needs,
//! some leave out the beginning, some the end.

use super::habits::ToolName;
use super::{some_text, text};
use pilot_proto::Event;
use pilot_proto::event::{Location, Todo};
use serde_json::{Value, json};
use std::path::Path;

/// Longest summary, in characters: a line of a list.
const SUMMARY_MAX: usize = 200;

/// The field of a tool's input that says most, in order of preference.
const TELLING: &[&str] =
    &["command", "file_path", "filePath", "filepath", "path", "pattern", "url", "query"];

/// A tool call under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Tool {
    name: String,
    title: String,
    kind: String,
    input: Value,
    paths: Vec<Location>,
    parent: Option<String>,
    /// It is in the journal.
    pub(super) started: bool,
}

impl Tool {
    /// Takes over what a message says of the call.
    pub(super) fn told(&mut self, call: &Value, id: &str, named: ToolName, tree: &Path) {
        if let Some(kind) = some_text(call, "kind") {
            self.kind = kind;
        }
        if self.name.is_empty() {
            self.name = name(call, id, named, &self.kind);
        }
        if let Some(title) = some_text(call, "title") {
            self.title = title;
        }
        if let Some(input) = call["rawInput"].as_object().filter(|input| !input.is_empty()) {
            self.input = Value::Object(input.clone());
        }
        let places = call["locations"].as_array().into_iter().flatten();
        let places: Vec<Location> =
            places.filter_map(|place| location(place, tree)).filter(|at| at.path != ".").collect();
        if !places.is_empty() {
            self.paths = places;
        }
        if let Some(diff) = diff(call).filter(|_| self.input.is_null()) {
            let path = inside(text(diff, "path"), tree);
            let (old, new) = (text(diff, "oldText"), text(diff, "newText"));
            self.input = json!({"path": path, "old": old, "new": new});
        }
        let parent = &call["_meta"]["claudeCode"]["parentToolUseId"];
        self.parent = parent.as_str().map(str::to_owned).or(self.parent.take());
    }

    /// A reader can make something of it.
    pub(super) fn says_enough(&self) -> bool {
        TELLING.iter().any(|field| self.input[*field].is_string())
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it was given, as far as it is told; else what its title says.
    pub(super) fn input(&self) -> Value {
        if !self.input.is_null() {
            return self.input.clone();
        }
        match (self.kind.as_str(), self.paths.first()) {
            ("execute", _) => json!({"command": self.title}),
            ("fetch", _) => json!({"url": self.title}),
            (_, Some(place)) => json!({"path": place.path}),
            (_, None) => json!({"title": self.title}),
        }
    }

    /// The command lines that it would run.
    pub(super) fn commands(&self) -> Vec<String> {
        let told = self.input["command"].as_str();
        let title = (self.kind == "execute" && self.input.is_null()).then_some(self.title.as_str());
        told.or(title).filter(|line| !line.is_empty()).map(str::to_owned).into_iter().collect()
    }

    /// The files that it would touch. Where it runs a command, the places told
    /// are those of the command, not files.
    pub(super) fn files(&self, tree: &Path) -> Vec<String> {
        if self.kind == "execute" {
            return Vec::new();
        }
        let fields = ["file_path", "filePath", "filepath", "absolute_path", "path"];
        let named = fields.iter().filter_map(|field| self.input[*field].as_str());
        let named = named.map(|path| inside(path, tree));
        let mut all: Vec<String> = self.paths.iter().map(|at| at.path.clone()).collect();
        all.extend(named);
        all.sort();
        all.dedup();
        all
    }

    /// One line on it; paths relative to the tree.
    pub(super) fn summary(&self, tree: &Path) -> String {
        let input = self.input();
        let mut fields = TELLING.iter().chain(&["description"]);
        let telling = fields.find_map(|field| input[*field].as_str());
        one_line(&inside(telling.unwrap_or(&self.title), tree))
    }

    /// Its beginning, for the journal.
    pub(super) fn begin(&mut self, id: &str, tree: &Path) -> Vec<Event> {
        self.started = true;
        let mut events = vec![Event::ToolStarted {
            id: id.to_owned(),
            tool: self.name.clone(),
            input: self.input(),
            summary: self.summary(tree),
            parent: self.parent.clone(),
            locations: self.paths.clone(),
        }];
        if let Some(items) = self.input["todos"].as_array() {
            events.push(Event::Todos { items: todos(items) });
        }
        events
    }
}

/// The agent's name for a tool.
fn name(call: &Value, id: &str, named: ToolName, kind: &str) -> String {
    let told = some_text(call, "name")
        .or_else(|| some_text(&call["_meta"]["claudeCode"], "toolName"))
        .or_else(|| match named {
            ToolName::InId => id.split_once("__").map(|(name, _)| name.to_owned()),
            // Later it says what the tool does.
            ToolName::Title if call["sessionUpdate"] == "tool_call" => some_text(call, "title"),
            ToolName::Title => None,
            ToolName::Kind => None,
        });
    told.unwrap_or_else(|| if kind.is_empty() { "other" } else { kind }.to_owned())
}

/// A to-do list, of a tool or of a `plan` update.
pub(super) fn todos(items: &[Value]) -> Vec<Todo> {
    let item = |item: &Value| Todo {
        text: text(item, "content").to_owned(),
        status: text(item, "status").to_owned(),
    };
    items.iter().map(item).collect()
}

/// The first change of a file that a call tells.
pub(super) fn diff(call: &Value) -> Option<&Value> {
    call["content"].as_array()?.iter().find(|part| part["type"] == "diff")
}

/// What a call gave back. Changes of files are not repeated: they are read
/// from the tree.
pub(super) fn output(call: &Value) -> String {
    let parts = call["content"].as_array().into_iter().flatten();
    let texts: Vec<&str> = parts.filter_map(|part| part["content"]["text"].as_str()).collect();
    if !texts.is_empty() {
        return texts.join("\n");
    }
    let raw = &call["rawOutput"];
    let fields = ["output", "error", "formatted_output"].iter();
    let field = fields.filter_map(|field| raw[*field].as_str()).next();
    raw.as_str().or(field).unwrap_or_default().to_owned()
}

fn location(place: &Value, tree: &Path) -> Option<Location> {
    let line = place["line"].as_u64().and_then(|line| u32::try_from(line).ok());
    let path = some_text(place, "path")?;
    Some(Location { path: inside(&path, tree), line })
}

/// A path in the tree, relative to it; the tree itself is `.`.
fn inside(path: &str, tree: &Path) -> String {
    match Path::new(path).strip_prefix(tree).ok().and_then(Path::to_str) {
        Some("") => ".".to_owned(),
        Some(inside) => inside.to_owned(),
        None => path.to_owned(),
    }
}

fn one_line(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    let cut: String = first.chars().take(SUMMARY_MAX).collect();
    if cut.len() < first.len() || lines.next().is_some() { cut + "…" } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_summed_up_from_the_little_that_is_told() {
        let tree = Path::new("/w/tree");
        let check = |id: &str, named, call: Value, expected: (&str, &str)| {
            let mut tool = Tool::default();
            tool.told(&call, id, named, tree);
            assert_eq!((tool.name(), tool.summary(tree).as_str()), expected, "{call}");
        };
        let place = json!([{"path": "/w/tree/a.rs", "line": 3}]);
        check(
            "run_shell_command__1",
            ToolName::InId,
            json!({"title": "ls -l\nrm x", "kind": "execute"}),
            ("run_shell_command", "ls -l…"),
        );
        check(
            "write_file__1",
            ToolName::InId,
            json!({"title": "Writing to a.rs", "kind": "edit", "locations": place}),
            ("write_file", "a.rs"),
        );
        let input = json!({"command": "make", "cwd": "/w/tree"});
        check(
            "1",
            ToolName::Title,
            json!({"sessionUpdate": "tool_call", "title": "bash", "rawInput": input}),
            ("bash", "make"),
        );
        check("1", ToolName::Kind, json!({"title": "Think", "kind": "think"}), ("think", "Think"));
        check("1", ToolName::Kind, json!(7), ("other", ""));
    }
}
