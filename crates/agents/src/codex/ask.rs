//! What Codex asks of its client: permissions of several kinds, questions, and
//! what is written back.

use super::items::{Tool, one_line};
use super::{command, text};
use pilot_proto::inbox::{Answer, Ask, Choice, Question};
use serde_json::{Map, Value, json};

/// A request of the program that waits for its answer.
#[derive(Debug)]
pub(super) struct Open {
    /// Its id, as it came.
    pub(super) id: Value,
    /// The tool call that it is about.
    pub(super) item: String,
    pub(super) kind: Kind,
}

/// What an answer to it looks like.
#[derive(Debug)]
pub(super) enum Kind {
    /// `accept` or `decline`.
    Decision,
    /// As older programs name them: `approved` or `denied`.
    Review,
    /// The permissions that were wished for, or none.
    Permissions(Value),
    /// A form of an MCP server.
    Elicitation,
    /// Answers by the ids of the questions.
    Questions(Vec<(String, String)>),
}

/// What is asked of a person, if the request is one that a person can answer.
/// `tool` is the call that it is about, if that is known.
pub(super) fn ask(method: &str, params: &Value, tool: Option<&Tool>) -> Option<(Ask, Kind)> {
    let kind = match method {
        "item/tool/requestUserInput" => return questions(params),
        "item/permissions/requestApproval" => Kind::Permissions(params["permissions"].clone()),
        "mcpServer/elicitation/request" => Kind::Elicitation,
        "execCommandApproval" | "applyPatchApproval" => Kind::Review,
        // Whatever else newer programs ask for: they all take a decision.
        other if other.ends_with("/requestApproval") => Kind::Decision,
        _ => return None,
    };
    Some((permission(method, params, tool), kind))
}

fn permission(method: &str, params: &Value, tool: Option<&Tool>) -> Ask {
    let reason = text(params, "reason");
    let (name, input, summary) = match (method, tool) {
        ("item/commandExecution/requestApproval", _) if params["command"].is_string() => {
            let command = command::unwrapped(text(params, "command"));
            ("shell".to_owned(), json!({"command": command, "cwd": params["cwd"]}), command)
        }
        ("mcpServer/elicitation/request", _) => {
            let name = format!("mcp/{}", text(params, "serverName"));
            (name, params.clone(), text(params, "message").to_owned())
        }
        ("item/permissions/requestApproval", _) => {
            let input = params["permissions"].clone();
            let summary = input.to_string();
            ("request_permissions".to_owned(), input, summary)
        }
        (_, Some(tool)) => (tool.name.clone(), tool.input.clone(), tool.summary.clone()),
        (method, None) => {
            let name = method.trim_start_matches("item/").trim_end_matches("/requestApproval");
            (name.to_owned(), params.clone(), params.to_string())
        }
    };
    let summary = if reason.is_empty() { summary } else { format!("{summary} ({reason})") };
    let commands = input["command"].as_str().map(str::to_owned).into_iter().collect();
    let paths = tool.map(|tool| tool.locations.iter().map(|at| at.path.clone()).collect());
    Ask::Permission {
        tool: name,
        input,
        summary: one_line(&summary),
        commands,
        paths: paths.unwrap_or_default(),
    }
}

fn questions(params: &Value) -> Option<(Ask, Kind)> {
    let asked = params["questions"].as_array().filter(|asked| !asked.is_empty())?;
    let ids =
        asked.iter().map(|one| (text(one, "id").to_owned(), text(one, "question").to_owned()));
    let kind = Kind::Questions(ids.collect());
    let questions = asked.iter().map(question).collect();
    Some((Ask::Question { questions }, kind))
}

fn question(question: &Value) -> Question {
    let options = question["options"].as_array().into_iter().flatten();
    Question {
        question: text(question, "question").to_owned(),
        header: text(question, "header").to_owned(),
        options: options
            .map(|option| Choice {
                label: text(option, "label").to_owned(),
                description: text(option, "description").to_owned(),
            })
            .collect(),
        multiple: false,
    }
}

/// An answer, ready to be written.
#[derive(Debug, PartialEq)]
pub(super) struct Response {
    pub(super) result: Value,
    /// A person refused a tool.
    pub(super) refused: bool,
    /// What the model is to hear besides: the protocol has no words for it.
    pub(super) say: Option<String>,
}

/// What to write back.
pub(super) fn response(kind: &Kind, ask: &Ask, answer: &Answer) -> Response {
    if let Kind::Questions(asked) = kind {
        return answered(asked, answer);
    }
    if let Answer::Allow { input: Some(wished), .. } = answer
        && let Ask::Permission { tool, input, .. } = ask
        && wished != input
    {
        // It runs what it asked for or nothing.
        return Response {
            result: decision(kind, false),
            refused: false,
            say: Some(instead(tool, wished)),
        };
    }
    let allowed = matches!(answer, Answer::Allow { .. });
    let say = match answer {
        Answer::Deny { reason } if !reason.is_empty() => Some(refusal(ask, reason)),
        Answer::Say { text } => Some(refusal(ask, text)),
        _ => None,
    };
    Response { result: decision(kind, allowed), refused: !allowed, say }
}

fn decision(kind: &Kind, allowed: bool) -> Value {
    let word = |yes: &str, no: &str| json!({"decision": if allowed { yes } else { no }});
    match kind {
        Kind::Decision => word("accept", "decline"),
        Kind::Review => word("approved", "denied"),
        Kind::Permissions(wished) => {
            json!({"permissions": if allowed { wished.clone() } else { json!({}) }})
        }
        Kind::Elicitation if allowed => json!({"action": "accept", "content": {}}),
        Kind::Elicitation => json!({"action": "decline"}),
        Kind::Questions(_) => json!({"answers": {}}),
    }
}

fn instead(tool: &str, wished: &Value) -> String {
    match wished["command"].as_str() {
        Some(command) => format!("Do not run that. Run exactly this instead:\n{command}"),
        None => format!("Do not do that. Call `{tool}` with this instead:\n{wished}"),
    }
}

fn refusal(ask: &Ask, reason: &str) -> String {
    match ask {
        Ask::Permission { summary, .. } if !summary.is_empty() => {
            format!("`{summary}` was not permitted: {reason}")
        }
        _ => reason.to_owned(),
    }
}

fn answered(asked: &[(String, String)], answer: &Answer) -> Response {
    let nobody = "Nobody chose. Decide yourself and go on.";
    let one = |question: &String| match answer {
        Answer::Choose { answers } => answers.get(question).map_or(nobody, String::as_str),
        Answer::Say { text } => text,
        Answer::Deny { reason } if !reason.is_empty() => reason,
        Answer::Deny { .. } | Answer::Never { .. } | Answer::Allow { .. } | Answer::End => nobody,
    };
    let answers: Map<String, Value> = asked
        .iter()
        .map(|(id, question)| (id.clone(), json!({"answers": [one(question)]})))
        .collect();
    Response { result: json!({"answers": answers}), refused: false, say: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deny(reason: &str) -> Answer {
        Answer::Deny { reason: reason.to_owned() }
    }

    #[test]
    fn every_kind_of_approval_is_a_permission() {
        let check = |method: &str, params: Value, yes: Value, no: Value| {
            let (ask, kind) = ask(method, &params, None).expect("a person can answer");
            assert!(matches!(ask, Ask::Permission { .. }), "{method}: {ask:?}");
            assert_eq!(response(&kind, &ask, &Answer::ALLOW).result, yes, "{method}");
            let refused = response(&kind, &ask, &deny("no"));
            assert_eq!((refused.result, refused.refused), (no, true), "{method}");
            assert!(refused.say.is_some_and(|say| say.ends_with("no")), "{method}");
        };
        let decisions = || (json!({"decision": "accept"}), json!({"decision": "decline"}));
        for method in ["item/fileChange/requestApproval", "item/teleport/requestApproval"] {
            let (yes, no) = decisions();
            check(method, json!({"itemId": "x"}), yes, no);
        }
        check(
            "item/permissions/requestApproval",
            json!({"permissions": {"network": {"enabled": true}}}),
            json!({"permissions": {"network": {"enabled": true}}}),
            json!({"permissions": {}}),
        );
        check(
            "mcpServer/elicitation/request",
            json!({"serverName": "s", "message": "May I?"}),
            json!({"action": "accept", "content": {}}),
            json!({"action": "decline"}),
        );
        check(
            "execCommandApproval",
            json!({"command": ["ls"]}),
            json!({"decision": "approved"}),
            json!({"decision": "denied"}),
        );
        assert!(ask("currentTime/read", &json!({}), None).is_none());
    }

    #[test]
    fn several_questions_are_answered_by_their_ids() {
        let params = json!({"questions": [
            {"id": "a", "header": "A", "question": "One?", "options": null},
            {"id": "b", "header": "B", "question": "Two?", "options": [{"label": "x"}]},
        ]});
        let (ask, kind) = ask("item/tool/requestUserInput", &params, None).expect("questions");
        let answers = [("One?", "1"), ("Two?", "x, y")];
        let answers = answers.map(|(question, answer)| (question.to_owned(), answer.to_owned()));
        let given = response(&kind, &ask, &Answer::Choose { answers: answers.into() });
        let expected = json!({"answers": {"a": {"answers": ["1"]}, "b": {"answers": ["x, y"]}}});
        assert_eq!((given.result, given.refused), (expected, false));
        let said = response(&kind, &ask, &Answer::Say { text: "as you like".to_owned() });
        assert_eq!(said.result["answers"]["b"]["answers"][0], "as you like");
        let refused = response(&kind, &ask, &deny(""));
        assert!(!refused.refused, "a question without an answer refuses nothing");
    }
}
