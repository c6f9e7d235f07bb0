//! A conversation as any dialect tells it, and how far its script is.

use super::ToolResult;
use super::script::{Script, Step};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One request, without its dialect.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) model: String,
    pub(super) system: String,
    pub(super) messages: Vec<Message>,
    /// Tools offered: name → JSON schema of the input.
    pub(super) tools: BTreeMap<String, Value>,
    /// JSON schema that the answer has to fit; null if it is prose.
    pub(super) schema: Value,
    /// How many images were in what people said.
    pub(super) images: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    User(String),
    /// An answer of the model, with the ids of its tool calls.
    Assistant {
        calls: Vec<String>,
    },
    Results(Vec<ToolResult>),
}

/// Where a conversation is.
pub(super) struct Position {
    /// The script's name.
    pub(super) name: String,
    pub(super) script: Script,
    /// The steps that answer the last prompt.
    pub(super) steps: Vec<Step>,
    /// The step that is due.
    pub(super) step: usize,
    /// The last prompt.
    pub(super) prompt: String,
    /// The results for the tool calls of the last answer.
    pub(super) results: Vec<ToolResult>,
}

impl Conversation {
    /// Finds the script and how far it is.
    pub(super) fn position(&self, scripts: &BTreeMap<String, Script>) -> Position {
        let prompts: Vec<(usize, String)> = self
            .messages
            .iter()
            .enumerate()
            .filter_map(|(at, message)| match message {
                Message::User(text) => Some((at, said(text))),
                Message::Assistant { .. } | Message::Results(_) => None,
            })
            .filter(|(_, text)| !text.is_empty())
            .collect();
        let (last, prompt) = prompts.last().cloned().unwrap_or_default();
        let (name, script, follow_up) = self.script(&prompts, scripts);
        let steps = match follow_up {
            0 => script.steps.clone(),
            number => script
                .followups
                .get(number - 1)
                .map(|follow_up| follow_up.steps.clone())
                .unwrap_or_else(|| vec![echo()]),
        };
        let since = self.messages.get(last + 1..).unwrap_or_default();
        Position { name, script, steps, step: step_due(since), prompt, results: results(since) }
    }

    /// The tagged script, and how many prompts came after it (0: none).
    fn script(
        &self,
        prompts: &[(usize, String)],
        scripts: &BTreeMap<String, Script>,
    ) -> (String, Script, usize) {
        let mut later = 0;
        for (at, text) in prompts.iter().rev() {
            if let Some((name, script)) = tagged(text, scripts) {
                return (name, script, later);
            }
            // Prompts without an answer between them belong together.
            let before = self.messages.get(..*at).unwrap_or_default();
            if before.iter().any(|message| matches!(message, Message::Assistant { .. })) {
                later += 1;
            }
        }
        ("echo".to_owned(), Script { steps: vec![echo()], ..Script::default() }, 0)
    }

    /// Everything that was said, for what an agent tells only in prose.
    pub(super) fn prose(&self) -> String {
        let mut prose = self.system.clone();
        for message in &self.messages {
            if let Message::User(text) = message {
                prose.push('\n');
                prose.push_str(text);
            }
        }
        prose
    }
}

fn echo() -> Step {
    Step { text: Some("Scripted answer to: ${prompt}".to_owned()), ..Step::default() }
}

/// What a person said, without what an agent wraps around it.
fn said(text: &str) -> String {
    static WRAPPING: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"(?s)<system-reminder>.*?</system-reminder>|\[Request interrupted by user[^\]]*\]|<session_context>.*?</session_context>|<environment_context>.*?</environment_context>|<turn_aborted>.*?</turn_aborted>|<recommended_plugins>.*?</recommended_plugins>",
        )
        .expect("the pattern is valid")
    });
    WRAPPING.replace_all(text, "").trim().to_owned()
}

fn tagged(prompt: &str, scripts: &BTreeMap<String, Script>) -> Option<(String, Script)> {
    static TAG: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\[\[script:([A-Za-z0-9_.-]+)\]\]").expect("the pattern is valid")
    });
    if let Some((_, inline)) = prompt.split_once("[[steps:") {
        // The JSON may hold `]]` itself, so it is decoded and not searched for.
        let mut values = serde_json::Deserializer::from_str(inline).into_iter::<Value>();
        let steps = values.next()?.ok()?;
        return Some(("inline".to_owned(), Script::new(steps)));
    }
    let name = TAG.captures(prompt)?.get(1)?.as_str();
    let script = scripts.get(name).cloned().unwrap_or_else(|| {
        let text = Some(format!("The test has no script `{name}`."));
        Script { steps: vec![Step { text, ..Step::default() }], ..Script::default() }
    });
    Some((name.to_owned(), script))
}

/// The step after the last one that left a tool call; an answer without one
/// counts as a step.
fn step_due(since: &[Message]) -> usize {
    let calls = since.iter().flat_map(|message| match message {
        Message::Assistant { calls } => calls.as_slice(),
        Message::User(_) | Message::Results(_) => &[],
    });
    let last = calls.filter_map(|id| step_of(id)).max();
    let answers =
        since.iter().filter(|message| matches!(message, Message::Assistant { .. })).count();
    last.map_or(answers, |step| step + 1)
}

/// The step that the call with this id was made by.
fn step_of(id: &str) -> Option<usize> {
    static STEP: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"_s(\d+)x").expect("the pattern is valid"));
    STEP.captures(id)?.get(1)?.as_str().parse().ok()
}

/// The id of a call: says its step, and is unique in its conversation and,
/// because `answer` counts on, on this server.
pub(super) fn call_id(step: usize, call: usize, messages: usize, answer: u64) -> String {
    format!("toolu_s{step}x{call}m{messages}a{answer}")
}

fn results(since: &[Message]) -> Vec<ToolResult> {
    let mut results: Vec<ToolResult> = Vec::new();
    for message in since.iter().rev() {
        match message {
            Message::Assistant { .. } => break,
            Message::Results(of_message) => {
                results.splice(0..0, of_message.iter().cloned());
            }
            Message::User(_) => {}
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn user(text: &str) -> Message {
        Message::User(text.to_owned())
    }

    fn called(step: usize) -> Message {
        Message::Assistant { calls: vec![call_id(step, 0, 1, 9)] }
    }

    fn result(text: &str) -> Message {
        let text = text.to_owned();
        Message::Results(vec![ToolResult { id: String::new(), text, error: false }])
    }

    #[test]
    fn a_conversation_says_itself_how_far_it_is() {
        let script = Script::new(json!({
            "steps": [{"shell": "a"}, {"shell": "b"}, {"text": "c"}],
            "followups": [{"steps": [{"text": "later"}]}],
        }));
        let scripts = BTreeMap::from([("x".to_owned(), script)]);
        let check = |messages: Vec<Message>, steps: usize, step: usize| {
            let conversation = Conversation { messages, ..Conversation::default() };
            let position = conversation.position(&scripts);
            assert_eq!((position.steps.len(), position.step), (steps, step), "{conversation:?}");
        };
        let tagged = || user("Go. [[script:x]]");
        let aside = || Message::Assistant { calls: Vec::new() };
        check(vec![tagged()], 3, 0);
        check(vec![user("<system-reminder>a</system-reminder>"), tagged()], 3, 0);
        check(vec![tagged(), called(0), result("r")], 3, 1);
        // A step that was left out leaves a gap, and a repeated request no trace.
        check(vec![tagged(), called(0), result("r"), called(2), result("r")], 3, 3);
        check(vec![tagged(), aside(), user("go on")], 1, 0);
        check(vec![user("no tag at all")], 1, 0);
        check(vec![user(r#"[[steps:[{"text":"]]"},{"text":"b"}]]]"#)], 2, 0);
    }
}
