//! The tools that every agent has of us: one table, from which come the MCP
//! list, the paths of `/tools/…` and the dispatch. What another room has to
//! offer is a further row; those of the screen are in [`super::screen`].

use super::Wish;
use crate::shim::screen::Deed;
use pilot_proto::TaskId;
use pilot_proto::inbox::{Choice, Question};
use pilot_proto::task::NewChild;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// One tool.
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    /// JSON Schema of what it takes.
    pub(super) takes: fn() -> Value,
    /// Only where the project lets agents file tasks.
    pub(super) of_children: bool,
    /// What it is to do with these arguments.
    pub(super) call: fn(Value) -> Result<Call, String>,
}

/// What a tool does.
#[derive(Debug)]
pub(super) enum Call {
    /// Something that the shim has to journal first.
    Wish(Wish),
    /// A file becomes an artifact.
    Attach {
        /// Which, as it is called inside.
        path: String,
        /// What people see it as.
        name: Option<String>,
    },
    /// Something with the run's screen.
    Screen(Deed),
    /// The tasks below this one.
    List,
    /// How one of them stands.
    Result {
        /// Which.
        task: TaskId,
        /// So long it is waited for its end.
        wait_secs: u64,
    },
}

/// All of them.
pub(super) const TABLE: &[Tool] = &[
    Tool {
        name: "report_status",
        description: "Tell the person you work for, in one short line, what you are doing now. They see it in their list of tasks.",
        takes: || {
            object(
                &json!({"text": text("What you are doing, in at most 300 characters")}),
                &["text"],
            )
        },
        of_children: false,
        call: report,
    },
    Tool {
        name: "ask_person",
        description: "Ask the person you work for a question and wait for the answer. Only where you cannot decide yourself and a wrong guess would cost much; nobody may be there, and then you are told to decide yourself.",
        takes: || {
            let options = json!({"type": "array", "items": {"type": "string"}, "maxItems": MOST_OPTIONS, "description": "Answers to choose from"});
            object(&json!({"question": text("The question"), "options": options}), &["question"])
        },
        of_children: false,
        call: ask,
    },
    Tool {
        name: "attach_artifact",
        description: "Give the person you work for a file (a report, a picture, a log): it is kept with the task, and is no part of the change.",
        takes: || {
            let name = text("What to call it; without this, as it is called");
            object(&json!({"path": text("Path of the file"), "name": name}), &["path"])
        },
        of_children: false,
        call: attach,
    },
    Tool {
        name: "new_task",
        description: "File a task below your own: another agent does it, in a workspace of its own, from the same base branch; it sees nothing of your work that is not published. Gives the task's id. How many there may be is bounded.",
        takes: || {
            let properties = json!({
                "prompt": text("What to do, complete in itself (Markdown)"),
                "title": text("One line for lists"),
                "agent": text("Which agent; without this, the same as you are"),
                "model": text("Which model"),
                "budget_usd": {"type": "number", "description": "What it may spend on models, in US dollars"},
                "token": text("Your own name for this wish: the same one again files no second task"),
            });
            object(&properties, &["prompt"])
        },
        of_children: true,
        call: new_task,
    },
    Tool {
        name: "list_tasks",
        description: "List the tasks that were filed below your own, with how they stand.",
        takes: || object(&json!({}), &[]),
        of_children: true,
        call: |_| Ok(Call::List),
    },
    Tool {
        name: "task_result",
        description: "How a task below your own stands: its state, its agent's last words (which are hearsay), its branch and the size of its change.",
        takes: || {
            let wait = json!({"type": "integer", "minimum": 0, "maximum": LONGEST_WAIT, "description": "Wait so many seconds for its end"});
            object(&json!({"task": text("Its id"), "wait_secs": wait}), &["task"])
        },
        of_children: true,
        call: result,
    },
];

/// Longest wait for a task's end; whoever wants to wait longer asks again.
const LONGEST_WAIT: u64 = 3600;
/// A line, in bytes.
const LINE: usize = 1200;
/// A question, in bytes.
const QUESTION: usize = 8 * 1024;
const MOST_OPTIONS: usize = 20;

fn text(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

pub(super) fn object(properties: &Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

pub(super) fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, String> {
    let arguments = if arguments.is_null() { json!({}) } else { arguments };
    serde_json::from_value(arguments)
        .map_err(|error| format!("These arguments do not fit: {error}."))
}

/// Something to read, and no longer than it may be.
pub(super) fn checked(what: &str, text: String, most: usize) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err(format!("`{what}` is empty."));
    }
    if text.len() > most {
        return Err(format!("`{what}` has {} bytes; {most} are the most.", text.len()));
    }
    if text.contains('\0') {
        return Err(format!("`{what}` holds a NUL character."));
    }
    Ok(text)
}

fn word(what: &str, word: String) -> Result<String, String> {
    let word = checked(what, word, NewChild::MAX_WORD)?;
    if word.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
        return Err(format!("`{what}` is no single word."));
    }
    Ok(word)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    text: String,
}

fn report(arguments: Value) -> Result<Call, String> {
    let Report { text } = read(arguments)?;
    let text = checked("text", text, LINE)?;
    let line: String = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    Ok(Call::Wish(Wish::Report(line.chars().take(300).collect())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    question: String,
    #[serde(default)]
    options: Vec<String>,
}

fn ask(arguments: Value) -> Result<Call, String> {
    let Asked { question, options } = read(arguments)?;
    if options.len() > MOST_OPTIONS {
        return Err(format!("`options`: {MOST_OPTIONS} are the most."));
    }
    let choice = |option| {
        Ok(Choice { label: checked("options", option, LINE)?, description: String::new() })
    };
    let options: Result<Vec<_>, String> = options.into_iter().map(choice).collect();
    let question = Question {
        question: checked("question", question, QUESTION)?,
        header: String::new(),
        options: options?,
        multiple: false,
    };
    Ok(Call::Wish(Wish::Ask(vec![question])))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attached {
    path: String,
    #[serde(default)]
    name: Option<String>,
}

fn attach(arguments: Value) -> Result<Call, String> {
    let Attached { path, name } = read(arguments)?;
    Ok(Call::Attach { path: checked("path", path, 4096)?, name })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTask {
    prompt: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    agent: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    budget_usd: Option<f64>,
    #[serde(default)]
    token: Option<String>,
}

fn new_task(arguments: Value) -> Result<Call, String> {
    let NewTask { prompt, title, agent, model, budget_usd, token } = read(arguments)?;
    let child = NewChild {
        prompt: checked("prompt", prompt, NewChild::MAX_PROMPT)?,
        title: title.map(|title| checked("title", title, NewChild::MAX_TITLE)).transpose()?,
        agent: agent.map(|agent| word("agent", agent)).transpose()?,
        model: model.map(|model| word("model", model)).transpose()?,
        budget_micros: budget_usd.map(micros).transpose()?,
    };
    let token = match token {
        Some(token) => word("token", token)?,
        None => unheard_of()?,
    };
    Ok(Call::Wish(Wish::Child { token, child }))
}

/// More than anybody lets an agent spend, and less than a number can hold.
const RICHEST: f64 = 1_000_000.0;

fn micros(dollars: f64) -> Result<u64, String> {
    if !(0.01..=RICHEST).contains(&dollars) {
        return Err("`budget_usd` is no amount of at least a cent.".to_owned());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is within bounds"
    )]
    let micros = (dollars * 1_000_000.0).round() as u64;
    Ok(micros)
}

/// A token that nobody has used.
fn unheard_of() -> Result<String, String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    task: TaskId,
    #[serde(default)]
    wait_secs: u64,
}

fn result(arguments: Value) -> Result<Call, String> {
    let Wanted { task, wait_secs } = read(arguments)?;
    Ok(Call::Result { task, wait_secs: wait_secs.min(LONGEST_WAIT) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, arguments: Value) -> Result<Call, String> {
        let tool = TABLE.iter().find(|tool| tool.name == name).expect("it is in the table");
        (tool.call)(arguments)
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let long = "x".repeat(NewChild::MAX_PROMPT + 1);
        for (tool, arguments, said) in [
            ("report_status", json!({}), "text"),
            ("report_status", json!({"text": " "}), "`text`"),
            ("report_status", json!({"text": 7}), "do not fit"),
            ("report_status", json!({"text": "a", "more": 1}), "more"),
            ("ask_person", json!({"question": "a\u{0}b"}), "NUL"),
            ("ask_person", json!({"question": "?", "options": vec!["a"; 21]}), "`options`"),
            ("new_task", json!({"prompt": long}), "`prompt`"),
            ("new_task", json!({"prompt": "p", "agent": "a b"}), "`agent`"),
            ("new_task", json!({"prompt": "p", "budget_usd": -1}), "`budget_usd`"),
            ("new_task", json!({"prompt": "p", "budget_usd": 1e300}), "`budget_usd`"),
            ("new_task", json!({"prompt": "p", "token": ""}), "`token`"),
            ("task_result", json!({"task": "../etc"}), "do not fit"),
            ("task_result", json!([]), "do not fit"),
        ] {
            let refused = call(tool, arguments.clone()).expect_err("it makes no sense");
            assert!(refused.contains(said), "{tool} {arguments}: {refused}");
        }
    }

    #[test]
    fn a_wish_without_a_token_is_one_of_its_own() {
        let token = || match call("new_task", json!({"prompt": "p"})) {
            Ok(Call::Wish(Wish::Child { token, .. })) => token,
            other => panic!("{other:?}"),
        };
        assert_ne!(token(), token());
        let budget = call("new_task", json!({"prompt": "p", "budget_usd": 0.25, "token": "t"}));
        let Ok(Call::Wish(Wish::Child { token, child })) = budget else { panic!("{budget:?}") };
        assert_eq!((token.as_str(), child.budget_micros), ("t", Some(250_000)));
    }

    #[test]
    fn every_row_says_what_it_takes() {
        for tool in TABLE {
            let takes = (tool.takes)();
            assert_eq!(takes["type"], "object", "{}", tool.name);
            let properties = takes["properties"].as_object().expect("named");
            for required in takes["required"].as_array().expect("a list") {
                assert!(properties.contains_key(required.as_str().expect("a name")));
            }
        }
    }
}
