//! What the scripted model can be told to do.
//!
//! ```json
//! {"usage": {"input": 1200, "output": 80},
//!  "steps": [
//!    {"text": "I write a file.", "write": {"path": "a.txt", "content": "hi\n"}},
//!    {"shell": "git status --short"},
//!    {"text": "Done: ${last_result}"}],
//!  "followups": [{"steps": [{"text": "You said ${prompt}"}]}]}
//! ```
//!
//! A step is one answer of the model: optional `thinking`, optional `text`,
//! then at most one action, or several in `parallel`. A step without an action
//! ends the turn. In strings `${last_result}`, `${prompt}`, `${cwd}` and
//! `${plan_file}` (where a planning Claude Code or Gemini wants its plan) are
//! filled in.

use serde::Deserialize;
use serde_json::Value;

/// What the model does in one conversation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// One for each answer.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// For the later prompts of the conversation.
    #[serde(default)]
    pub followups: Vec<FollowUp>,
    /// What every answer claims to have used, unless its step says otherwise.
    #[serde(default)]
    pub usage: Usage,
}

/// What a later prompt is answered with.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowUp {
    /// One for each answer.
    pub steps: Vec<Step>,
}

/// One answer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// Left out unless this holds.
    pub when: Option<When>,
    /// Failures before it succeeds, used up in order.
    pub fail: Vec<Failure>,
    /// It waits for `Model::release` under this name before its first byte.
    pub hold: Option<String>,
    /// Milliseconds before its first byte.
    pub first_token_ms: u64,
    /// Milliseconds between its pieces.
    pub delay_ms: u64,
    /// Thought before it speaks.
    pub thinking: Option<String>,
    /// What it says.
    pub text: Option<String>,
    /// What it claims to have used.
    pub usage: Option<Usage>,
    /// Its actions, where it has several at once.
    pub parallel: Vec<Action>,
    /// Its action; at most one of those below.
    pub write: Option<Write>,
    /// As above.
    pub edit: Option<Edit>,
    /// Reads the file of this name.
    pub read: Option<String>,
    /// Runs this shell command.
    pub shell: Option<String>,
    /// As above.
    pub ask: Option<AskPerson>,
    /// Proposes this plan.
    pub plan: Option<String>,
    /// Sets the to-do list.
    pub todo: Option<Vec<ToDo>>,
    /// As above.
    pub tool: Option<CallTool>,
}

impl Step {
    /// All it does with tools.
    pub(super) fn actions(&self) -> Vec<Action> {
        let single = [
            self.write.clone().map(Action::Write),
            self.edit.clone().map(Action::Edit),
            self.read.clone().map(Action::Read),
            self.shell.clone().map(Action::Shell),
            self.ask.clone().map(Action::Ask),
            self.plan.clone().map(Action::Plan),
            self.todo.clone().map(Action::Todo),
            self.tool.clone().map(Action::Tool),
        ];
        single.into_iter().flatten().chain(self.parallel.iter().cloned()).collect()
    }
}

/// When a step is given, judged on the last tool results.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// One of them is (not) an error.
    pub error: Option<bool>,
    /// The agent has (not) named a file for the plan.
    pub plan_file: Option<bool>,
    /// They contain this.
    pub contains: Option<String>,
    /// Somebody said this in the conversation, wherever the agent puts it.
    pub said: Option<String>,
}

/// Something done with a tool, whatever the agent calls it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Writes a file.
    Write(Write),
    /// Replaces text in a file.
    Edit(Edit),
    /// Reads a file.
    Read(String),
    /// Runs a shell command.
    Shell(String),
    /// Asks a person.
    Ask(AskPerson),
    /// Proposes a plan.
    Plan(String),
    /// Sets the to-do list.
    Todo(Vec<ToDo>),
    /// Calls a tool by its own name.
    Tool(CallTool),
}

/// One line of a to-do list.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToDo {
    /// What to do.
    pub text: String,
    /// `pending`, `in_progress` or `completed`.
    pub status: String,
}

/// Writes a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// Relative to the working directory.
    pub path: String,
    /// What to write.
    pub content: String,
}

/// Replaces text in a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Relative to the working directory.
    pub path: String,
    /// Text to replace.
    pub old: String,
    /// Its replacement.
    pub new: String,
}

/// Asks a person.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskPerson {
    /// The question.
    pub question: String,
    /// The choices.
    pub options: Vec<String>,
}

/// Calls a tool by its own name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallTool {
    /// The name.
    pub name: String,
    /// What it is given.
    pub input: Value,
}

/// How a request fails.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Failure {
    /// HTTP status.
    pub status: Option<u16>,
    /// How often; 0: always.
    pub times: Option<u32>,
    /// Seconds for the `retry-after` header.
    pub retry_after: Option<u32>,
    /// The `x-should-retry` header.
    pub should_retry: Option<bool>,
    /// Further headers. `${now+N}` is the time in seconds N seconds from now.
    pub headers: std::collections::BTreeMap<String, String>,
    /// The error's type, where the dialect has one; none: as the status says.
    pub kind: Option<String>,
    /// What the error says.
    pub message: Option<String>,
    /// Breaks the connection after this many pieces, instead of a status.
    pub drop_after: Option<usize>,
}

/// Tokens.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Usage {
    /// Read; 0: a quarter of the request's bytes.
    pub input: u64,
    /// Written; 0: by the answer's length.
    pub output: u64,
    /// Read from the cache.
    pub cache_read: u64,
    /// Written to the cache.
    pub cache_write: u64,
}

impl Script {
    /// From JSON as in the module's documentation, or from a bare list of
    /// steps; panics with what is wrong.
    pub fn new(json: Value) -> Self {
        let parsed = if json.is_array() {
            serde_json::from_value(json).map(|steps| Self { steps, ..Self::default() })
        } else {
            serde_json::from_value(json)
        };
        parsed.unwrap_or_else(|error| panic!("a script of the test is wrong: {error}"))
    }
}
