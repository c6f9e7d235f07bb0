//! What an agent asks a person, and how the answer is put: a permission or a
//! plan by choosing one of its options, a question by filling in its form.

use super::{some_text, text};
use pilot_proto::inbox::{Answer, Ask, Choice, Question};
use serde_json::{Map, Value, json};

/// Gemini's request for the approval of a plan; the plan stands in the file.
const PLAN_IN_FILE: &str = "Requesting plan approval for: ";

/// What of a form's field is for a person's own words, besides the choices.
const OWN_WORDS: &str = "_custom";

/// The options of a permission, by what they mean. What would hold for later
/// calls as well is never chosen: whoever decides remembers it.
pub(super) fn option(options: &Value, kind: &str) -> Option<String> {
    let mut options = options.as_array()?.iter();
    some_text(options.find(|option| option["kind"] == kind)?, "optionId")
}

/// The plan that a permission is about: its text, or the path of its file.
pub(super) enum Plan<'a> {
    Text(&'a str),
    File(&'a str),
}

/// The plan, if the request is for the approval of one.
pub(super) fn plan(call: &Value) -> Option<Plan<'_>> {
    if let Some(path) = text(call, "title").strip_prefix(PLAN_IN_FILE) {
        return Some(Plan::File(path));
    }
    if call["kind"] != "switch_mode" {
        return None;
    }
    let said = &call["content"][0]["content"]["text"];
    call["rawInput"]["plan"].as_str().or_else(|| said.as_str()).map(Plan::Text)
}

/// The questions of a form; none if it is not one that can be answered here.
pub(super) fn questions(form: &Value) -> Option<Vec<Question>> {
    let fields = fields(&form["requestedSchema"])?;
    let only = (fields.len() == 1).then(|| text(form, "message"));
    Some(fields.iter().map(|(name, field)| question(name, field, only)).collect())
}

/// The fields that are asked for, without those for a person's own words.
fn fields(schema: &Value) -> Option<Vec<(&String, &Value)>> {
    let fields = schema["properties"].as_object().filter(|fields| !fields.is_empty())?;
    let own_words = |name: &String| {
        name.strip_suffix(OWN_WORDS).is_some_and(|other| fields.contains_key(other))
    };
    Some(fields.iter().filter(|(name, _)| !own_words(name)).collect())
}

fn question(name: &str, field: &Value, only: Option<&str>) -> Question {
    let asked = only.filter(|message| !message.is_empty()).map(str::to_owned);
    let title = some_text(field, "title");
    Question {
        question: asked
            .or_else(|| some_text(field, "description"))
            .or_else(|| title.clone())
            .unwrap_or_else(|| name.to_owned()),
        header: title.unwrap_or_default(),
        options: choices(field)
            .into_iter()
            .map(|(value, label, description)| Choice {
                label: label.unwrap_or(value),
                description: description.unwrap_or_default(),
            })
            .collect(),
        multiple: field["type"] == "array",
    }
}

/// The choices of a field: value, label, description.
fn choices(field: &Value) -> Vec<(String, Option<String>, Option<String>)> {
    let field = if field["type"] == "array" { &field["items"] } else { field };
    if field["type"] == "boolean" {
        return ["yes", "no"].map(|word| (word.to_owned(), None, None)).into();
    }
    let titled = field["oneOf"].as_array().or_else(|| field["anyOf"].as_array());
    let titled = titled.into_iter().flatten().filter_map(|choice| {
        let value = some_text(choice, "const")?;
        Some((value, some_text(choice, "title"), some_text(choice, "description")))
    });
    let plain = field["enum"].as_array().into_iter().flatten();
    let plain = plain.filter_map(|value| Some((value.as_str()?.to_owned(), None, None)));
    titled.chain(plain).collect()
}

/// What is written back for a form.
pub(super) fn filled(form: &Value, ask: &Ask, answer: &Answer) -> Value {
    let (Ask::Question { questions }, Some(fields)) = (ask, fields(&form["requestedSchema"]))
    else {
        return json!({"action": "decline"});
    };
    let told = |question: &Question| match answer {
        Answer::Choose { answers } => answers.get(&question.question).cloned(),
        Answer::Say { text } => Some(text.clone()),
        Answer::Allow { .. } | Answer::Deny { .. } | Answer::Never { .. } | Answer::End => None,
    };
    let mut content = Map::new();
    for ((name, field), question) in fields.into_iter().zip(questions) {
        if let Some(told) = told(question) {
            let own_words = format!("{name}{OWN_WORDS}");
            let own_words =
                form["requestedSchema"]["properties"][&own_words].is_object().then_some(own_words);
            content.extend(value(name, own_words, field, &told));
        }
    }
    if content.is_empty() {
        return json!({"action": "decline"});
    }
    json!({"action": "accept", "content": content})
}

/// The field, or that for own words, with what was told.
fn value(
    name: &str,
    own_words: Option<String>,
    field: &Value,
    told: &str,
) -> Option<(String, Value)> {
    let choices = choices(field);
    let chosen = |told: &str| {
        let fits = |(value, label, _): &&(String, Option<String>, Option<String>)| {
            value == told || label.as_deref() == Some(told)
        };
        choices.iter().find(fits).map(|(value, _, _)| value.clone())
    };
    let kind = text(field, "type");
    if kind == "array" {
        let values: Option<Vec<String>> = told.split(", ").map(chosen).collect();
        if let Some(values) = values {
            return Some((name.to_owned(), values.into()));
        }
    } else if kind == "boolean" {
        return Some((name.to_owned(), (chosen(told)? == "yes").into()));
    } else if kind == "integer" || kind == "number" {
        return Some((name.to_owned(), told.parse::<serde_json::Number>().ok()?.into()));
    } else if let Some(value) = chosen(told) {
        return Some((name.to_owned(), value.into()));
    }
    // Words of one's own: where there is a field for them, else in place of a choice.
    let value = if kind == "array" && own_words.is_none() { json!([told]) } else { told.into() };
    Some((own_words.unwrap_or_else(|| name.to_owned()), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_form_is_filled_in_with_what_was_chosen_or_said() {
        let form = json!({"message": "Which colour?", "requestedSchema": {"properties": {
            "q": {"type": "string", "title": "Colour",
                  "oneOf": [{"const": "r", "title": "Red"}, {"const": "b", "title": "Blue"}]},
            "q_custom": {"type": "string", "title": "Other"},
        }}});
        let questions = questions(&form).expect("a form");
        assert_eq!((questions.len(), questions[0].question.as_str()), (1, "Which colour?"));
        assert_eq!(questions[0].options[1].label, "Blue");
        let ask = Ask::Question { questions };
        let check = |answer: Answer, expected: Value| {
            assert_eq!(filled(&form, &ask, &answer), expected, "{answer:?}");
        };
        let choose = |text: &str| Answer::Choose {
            answers: BTreeMap::from([("Which colour?".to_owned(), text.to_owned())]),
        };
        check(choose("Blue"), json!({"action": "accept", "content": {"q": "b"}}));
        check(choose("Pink"), json!({"action": "accept", "content": {"q_custom": "Pink"}}));
        let say = Answer::Say { text: "Any.".into() };
        check(say, json!({"action": "accept", "content": {"q_custom": "Any."}}));
        check(Answer::Deny { reason: String::new() }, json!({"action": "decline"}));
    }

    #[test]
    fn several_choices_and_yes_or_no_keep_their_types() {
        let form = json!({"requestedSchema": {"properties": {
            "a": {"type": "array", "description": "Which?", "items": {"enum": ["x", "y"]}},
            "b": {"type": "boolean", "description": "Sure?"},
        }}});
        let questions = questions(&form).expect("a form");
        assert_eq!((questions[0].multiple, questions[1].options.len()), (true, 2));
        let answers = [("Which?", "x, y"), ("Sure?", "no")];
        let answers = answers.map(|(question, answer)| (question.to_owned(), answer.to_owned()));
        let answer = Answer::Choose { answers: answers.into() };
        let content = json!({"a": ["x", "y"], "b": false});
        let expected = json!({"action": "accept", "content": content});
        assert_eq!(filled(&form, &Ask::Question { questions }, &answer), expected);
    }
}
