//! What the model answers, before a dialect writes it.

use super::codex;
use super::conversation::{Conversation, Position, call_id};
use super::script::{Action, Failure, Step, Usage, When};
use super::tools::{self, Filling};
use super::{Reply, State, ToolResult};
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;
use std::time::Duration;

/// One answer.
pub(super) struct Answer {
    pub(super) blocks: Vec<Block>,
    pub(super) usage: Usage,
    /// How it fails instead.
    pub(super) failure: Option<Failure>,
    /// It waits here before its first byte.
    pub(super) hold: Option<String>,
    pub(super) before_first: Duration,
    pub(super) between: Duration,
    pub(super) reply: Reply,
    pub(super) results: Vec<ToolResult>,
    /// Counts the server's answers.
    pub(super) number: u64,
}

/// A piece of an answer.
pub(super) enum Block {
    Thinking(String),
    Text(String),
    Call { id: String, name: String, input: Value },
}

/// The answer that is due. `bytes` is the size of the request.
pub(super) fn answer(state: &State, conversation: &Conversation, bytes: usize) -> Answer {
    let mut inner = state.lock();
    inner.answers += 1;
    let number = inner.answers;
    if conversation.tools.is_empty() {
        // A title, a summary: no part of the conversation.
        return aside(number, &conversation.schema);
    }
    let position = conversation.position(&inner.scripts);
    let filling = filling(conversation, &position);
    let (step, due) = due(&position, &filling, &conversation.prose());
    let mut failure = inner.fail_next.pop_front();
    if failure.is_none() {
        failure = due.fail.iter().enumerate().find_map(|(index, failure)| {
            let key = (position.prompt.clone(), step, index);
            let used = inner.failures.entry(key).or_default();
            *used += 1;
            let times = failure.times.unwrap_or(1);
            (times == 0 || *used <= times).then(|| failure.clone())
        });
    }
    let blocks = blocks(&due, step, conversation, &filling, number);
    Answer {
        usage: usage(due.usage.unwrap_or(position.script.usage), &blocks, bytes),
        blocks,
        reply: match &failure {
            None => Reply::Step { script: position.name, step },
            Some(Failure { status: Some(status), .. }) => Reply::Failed(*status),
            Some(_) => Reply::Dropped,
        },
        failure,
        hold: due.hold,
        before_first: Duration::from_millis(due.first_token_ms),
        between: Duration::from_millis(due.delay_ms),
        results: position.results,
        number,
    }
}

fn aside(number: u64, schema: &Value) -> Answer {
    let text = match schema {
        Value::Null => "Scripted title".to_owned(),
        schema => fitting(schema).to_string(),
    };
    Answer {
        blocks: vec![Block::Text(text)],
        usage: Usage { input: 50, output: 5, ..Usage::default() },
        failure: None,
        hold: None,
        before_first: Duration::ZERO,
        between: Duration::ZERO,
        reply: Reply::Aside,
        results: Vec::new(),
        number,
    }
}

/// The smallest value that fits a JSON schema, as far as agents ask for one.
fn fitting(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("array") => Value::Array(Vec::new()),
        Some("string") => "scripted".into(),
        Some("boolean") => false.into(),
        Some("integer" | "number") => 1.into(),
        _ => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            fields.map(|(name, schema)| (name.clone(), fitting(schema))).collect()
        }
    }
}

/// The first step from the due one on whose condition holds.
fn due(position: &Position, filling: &Filling, prose: &str) -> (usize, Step) {
    let holds = |when: &When| {
        let error = position.results.iter().any(|result| result.error);
        let text = position.results.iter().map(|result| result.text.as_str());
        when.error.is_none_or(|wanted| wanted == error)
            && when.plan_file.is_none_or(|wanted| wanted != filling.plan_file.is_empty())
            && when
                .contains
                .as_ref()
                .is_none_or(|part| text.clone().any(|text| text.contains(part.as_str())))
            && when.said.as_ref().is_none_or(|part| prose.contains(part.as_str()))
    };
    let mut steps = position.steps.iter().enumerate().skip(position.step);
    match steps.find(|(_, step)| step.when.as_ref().is_none_or(holds)) {
        Some((index, step)) => (index, step.clone()),
        None => {
            let text = Some("All scripted steps are done.".to_owned());
            (position.steps.len(), Step { text, ..Step::default() })
        }
    }
}

fn blocks(
    step: &Step,
    index: usize,
    conversation: &Conversation,
    filling: &Filling,
    number: u64,
) -> Vec<Block> {
    let mut blocks = Vec::new();
    blocks.extend(step.thinking.as_ref().map(|text| Block::Thinking(filling.fill(text))));
    blocks.extend(step.text.as_ref().map(|text| Block::Text(filling.fill(text))));
    for (call, action) in step.actions().iter().enumerate() {
        if let Action::Plan(plan) = action
            && let Some(text) = codex::proposed(&filling.fill(plan), &conversation.tools)
        {
            blocks.push(Block::Text(text));
            continue;
        }
        let (name, input) = tools::call(action, filling, &conversation.tools);
        let id = call_id(index, call, conversation.messages.len(), number);
        blocks.push(Block::Call { id, name, input });
    }
    blocks
}

fn usage(claimed: Usage, blocks: &[Block], bytes: usize) -> Usage {
    let written: usize = blocks
        .iter()
        .map(|block| match block {
            Block::Thinking(text) | Block::Text(text) => text.len(),
            Block::Call { input, .. } => input.to_string().len(),
        })
        .sum();
    let or = |claimed: u64, counted: usize| if claimed > 0 { claimed } else { counted as u64 };
    Usage {
        input: or(claimed.input, bytes / 4 + 1),
        output: or(claimed.output, written / 4 + 1),
        ..claimed
    }
}

fn filling(conversation: &Conversation, position: &Position) -> Filling {
    let prose = conversation.prose();
    let last_result: Vec<&str> =
        position.results.iter().map(|result| result.text.as_str()).collect();
    let cwd = last(&CWD, &prose).unwrap_or_default();
    let beside = last(&PLAN_DIRECTORY, &prose).map(|directory| format!("{directory}/plan.md"));
    Filling {
        prompt: position.prompt.clone(),
        plan_file: last(&PLAN_FILE, &prose).or(beside).unwrap_or_default(),
        cwd,
        last_result: last_result.join("\n"),
    }
}

/// Where Claude Code, Gemini and opencode say that they work.
static CWD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?m)(?:Primary working directory: ?|^\s*Working directory: |\*\*Workspace Directories:\*\*\s*- )(.+?)(?: \(was .*\))?$",
    )
    .expect("the pattern is valid")
});

/// Where Claude Code in plan mode wants its plan written.
static PLAN_FILE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:create your plan at|plan file already exists at) (\S+\.md)")
        .expect("the pattern is valid")
});

/// In which directory Gemini in plan mode wants its plan written.
static PLAN_DIRECTORY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"write \.md plan files to `([^`]+?)/?`").expect("the pattern is valid")
});

/// The last one counts: a resumed conversation also tells where it was before.
fn last(pattern: &Regex, text: &str) -> Option<String> {
    Some(pattern.captures_iter(text).last()?.get(1)?.as_str().trim().to_owned())
}
