//! What a forge says when it refuses, read out of its reply.

use serde_json::Value;

/// What an error says: `message` of Gitea and GitHub (with the errors that
/// GitHub lists beside it), `message`, `error` and `error_description` of
/// GitLab, where `message` may be an object or a list.
pub(super) fn words(value: &Value) -> String {
    fn flat(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::String(text) => into.push(text.clone()),
            Value::Array(all) => all.iter().for_each(|one| flat(one, into)),
            Value::Object(all) => {
                for (name, one) in all {
                    let plain = matches!(name.as_str(), "message" | "base");
                    let mut words = Vec::new();
                    flat(one, &mut words);
                    let words = words.join(", ");
                    into.push(if plain { words } else { format!("{name}: {words}") });
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut all = Vec::new();
    flat(&value["message"], &mut all);
    if let Some(errors) = value["errors"].as_array() {
        all.extend(errors.iter().filter_map(|one| one["message"].as_str()).map(str::to_owned));
    }
    flat(&value["error"], &mut all);
    flat(&value["error_description"], &mut all);
    all.join("; ")
}

/// `token does not have at least one of required scope(s): [write:issue]`
pub(super) fn missing_scopes(said: &str) -> Option<Vec<String>> {
    let (_, list) = said.split_once("required scope(s):")?;
    let list = list.trim().trim_start_matches('[');
    let list = list.split_once(']').map_or(list, |(list, _)| list);
    let scopes: Vec<String> = list
        .split([',', ' '])
        .map(str::trim)
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect();
    (!scopes.is_empty()).then_some(scopes)
}
