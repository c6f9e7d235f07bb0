//! Requests as they travel, read into the command table's types: path
//! parameters and query string for reads, path parameters and a JSON body for
//! changes.

use pilot_proto::{Code, Problem};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A request of a command that reads.
pub(crate) fn from_query<T: DeserializeOwned>(
    path: &[(String, String)],
    query: &str,
) -> Result<T, Problem> {
    let mut pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(|error| {
        Problem::new(Code::Invalid, format!("The query string cannot be read: {error}."))
    })?;
    // What the path says holds; a second value of the same name would be refused.
    pairs.retain(|(name, _)| path.iter().all(|(field, _)| field != name));
    pairs.extend_from_slice(path);
    let text = serde_urlencoded::to_string(&pairs)
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let reader = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(text.as_bytes()));
    serde_path_to_error::deserialize(reader).map_err(|error| invalid(&error))
}

/// A request of a command that changes something. No body is an empty one.
pub(crate) fn from_body<T: DeserializeOwned>(
    path: &[(String, String)],
    body: &[u8],
) -> Result<T, Problem> {
    let mut fields: Map<String, Value> = if body.trim_ascii().is_empty() {
        Map::new()
    } else {
        serde_json::from_slice(body).map_err(|error| {
            Problem::new(Code::Invalid, format!("The body is not a JSON object: {error}."))
        })?
    };
    for (name, value) in path {
        fields.insert(name.clone(), Value::String(value.clone()));
    }
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| invalid(&error))
}

fn invalid<E: std::fmt::Display>(error: &serde_path_to_error::Error<E>) -> Problem {
    let field = error.path().to_string();
    let why = error.inner();
    if field == "." {
        Problem::new(Code::Invalid, format!("The request cannot be read: {why}."))
    } else {
        Problem::new(Code::Invalid, format!("`{field}` cannot be read: {why}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::console::{AnswerItem, LogSearch, NewTask, TaskQuery};
    use pilot_proto::{Answer, TaskId};

    const ID: &str = "0190b1de-0000-7000-8000-00000000002a";

    fn path(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn numbers_flags_and_texts_are_told_apart_by_the_type_they_go_to() {
        let search: LogSearch =
            from_query(&path("task", ID), "pattern=42%20%26&regex=true&limit=7").expect("reads");
        assert_eq!(search.pattern, "42 &", "a text of digits stays a text");
        assert_eq!((search.regex, search.limit), (true, Some(7)));
        assert_eq!(search.task, ID.parse::<TaskId>().expect("an id"));
        let all: TaskQuery = from_query(&[], "").expect("everything has a default");
        assert_eq!(all, TaskQuery::default());
    }

    #[test]
    fn the_path_wins_over_the_query_and_the_body() {
        let other = "task=0190b1de-0000-7000-8000-00000000ffff&pattern=x";
        let search: LogSearch = from_query(&path("task", ID), other).expect("reads");
        assert_eq!(search.task.to_string(), ID);
        let answer: AnswerItem =
            from_body(&path("item", ID), br#"{"item":"nonsense","answer":"end"}"#).expect("reads");
        assert_eq!((answer.item.to_string().as_str(), answer.answer), (ID, Answer::End));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        fn check<T: DeserializeOwned + std::fmt::Debug>(said: Result<T, Problem>, expected: &str) {
            let problem = said.expect_err("it must be refused");
            assert_eq!(problem.code, Code::Invalid, "{problem}");
            assert!(problem.message.contains(expected), "{expected}: {problem}");
        }
        check(from_query::<TaskQuery>(&[], "limit=many"), "`limit`");
        check(from_query::<LogSearch>(&path("task", "x"), "pattern=a"), "`task`");
        check(from_query::<LogSearch>(&path("task", ID), ""), "pattern");
        check(from_body::<NewTask>(&[], br#"{"project":5,"prompt":""}"#), "`project`");
        check(from_body::<NewTask>(&[], br#"{"prompt":""}"#), "project");
        check(from_body::<NewTask>(&[], b"[]"), "JSON object");
        check(from_body::<NewTask>(&[], b"{"), "JSON object");
    }
}
