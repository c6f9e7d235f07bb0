//! Which call this is, by its path, and how each vendor's errors look.

use hyper::{Method, StatusCode};
use pilot_proto::ProviderKind;
use pilot_proto::model::Dialect;
use serde_json::{Value, json};

/// What a path means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) dialect: Dialect,
    /// It costs money: it is metered, told, and subject to the budget.
    pub(crate) paid: bool,
}

/// The call that a path asks for; `None`: no API that we know has it. Paths
/// are matched whole and never normalised, so nothing else can be reached.
pub(crate) fn route(method: &Method, path: &str, anthropic: bool) -> Option<Route> {
    let free = |dialect| Some(Route { dialect, paid: false });
    let paid = |dialect| Some(Route { dialect, paid: true });
    let either = if anthropic { Dialect::Anthropic } else { Dialect::Chat };
    match (method, path) {
        (&Method::POST, "/v1/messages") => paid(Dialect::Anthropic),
        (&Method::POST, "/v1/messages/count_tokens") => free(Dialect::Anthropic),
        (&Method::POST, "/v1/responses" | "/v1/responses/compact") => paid(Dialect::Responses),
        (&Method::POST, "/v1/chat/completions" | "/v1/completions" | "/v1/embeddings") => {
            paid(Dialect::Chat)
        }
        (&Method::POST, "/api/chat" | "/api/generate" | "/api/embed" | "/api/embeddings") => {
            paid(Dialect::Ollama)
        }
        (&Method::GET, "/api/tags" | "/api/version" | "/api/ps") | (&Method::POST, "/api/show") => {
            free(Dialect::Ollama)
        }
        (&Method::GET, "/v1/models") => free(either),
        (&Method::GET, "/v1beta/models") => free(Dialect::Gemini),
        (&Method::GET, _) => path
            .strip_prefix("/v1/models/")
            .filter(|name| is_name(name))
            .map(|_| Route { dialect: either, paid: false })
            .or_else(|| {
                let name = path.strip_prefix("/v1beta/models/")?;
                is_name(name).then_some(Route { dialect: Dialect::Gemini, paid: false })
            }),
        (&Method::POST, _) => gemini(path),
        _ => None,
    }
}

/// `/v1beta/models/NAME:VERB`, also as `/v1/…`.
fn gemini(path: &str) -> Option<Route> {
    let rest = ["/v1beta/", "/v1/"].iter().find_map(|version| path.strip_prefix(version))?;
    let rest = rest.strip_prefix("models/").or_else(|| rest.strip_prefix("tunedModels/"))?;
    let (name, verb) = rest.split_once(':')?;
    let paid = match verb {
        "generateContent" | "streamGenerateContent" | "embedContent" | "batchEmbedContents" => true,
        "countTokens" => false,
        _ => return None,
    };
    is_name(name).then_some(Route { dialect: Dialect::Gemini, paid })
}

/// The model that a Gemini path names.
pub(crate) fn model_in_path(path: &str) -> Option<&str> {
    let (before, _) = path.split_once(':')?;
    before.rsplit('/').next()
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Whether a provider of this kind can be asked in this dialect.
pub(crate) fn speaks(kind: ProviderKind, dialect: Dialect) -> bool {
    match kind {
        ProviderKind::Anthropic => dialect == Dialect::Anthropic,
        ProviderKind::OpenAi => matches!(dialect, Dialect::Responses | Dialect::Chat),
        ProviderKind::Gemini => dialect == Dialect::Gemini,
        ProviderKind::Ollama => {
            matches!(dialect, Dialect::Ollama | Dialect::Chat | Dialect::Responses)
        }
    }
}

/// How a person calls a dialect.
pub(crate) fn name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Anthropic => "Anthropic Messages",
        Dialect::Responses => "OpenAI Responses",
        Dialect::Chat => "OpenAI Chat Completions",
        Dialect::Gemini => "Gemini",
        Dialect::Ollama => "Ollama",
        Dialect::Unknown => "an unknown API",
    }
}

/// An error of ours in the words of the dialect, as the body of an answer.
/// Shapes as the vendors document them: Anthropic's `error` object, OpenAI's
/// (which Responses, Chat and most gateways share), Google's `Status`, and
/// Ollama's bare string.
pub(crate) fn error(dialect: Dialect, status: StatusCode, code: &str, words: &str) -> Value {
    match dialect {
        Dialect::Anthropic => json!({
            "type": "error",
            "error": {"type": anthropic_type(status), "message": words},
        }),
        Dialect::Gemini => json!({
            "error": {"code": status.as_u16(), "message": words, "status": google_status(status)},
        }),
        Dialect::Ollama => json!({"error": words}),
        Dialect::Responses | Dialect::Chat | Dialect::Unknown => {
            let kind =
                if status.is_server_error() { "server_error" } else { "invalid_request_error" };
            // Codex shows a code it does not know instead of the message.
            let code = (dialect != Dialect::Responses).then_some(code);
            json!({"error": {"message": words, "type": kind, "param": null, "code": code}})
        }
    }
}

fn anthropic_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

fn google_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        400..=499 => "FAILED_PRECONDITION",
        504 => "DEADLINE_EXCEEDED",
        _ => "UNAVAILABLE",
    }
}

/// The same error as an event in the middle of a stream of that dialect. It
/// starts where an event ends. `lines`: the stream is JSON lines, not
/// server-sent events.
pub(crate) fn error_event(dialect: Dialect, code: &str, words: &str) -> String {
    let whole = error(dialect, StatusCode::BAD_REQUEST, code, words);
    match dialect {
        Dialect::Anthropic => format!("event: error\ndata: {whole}\n\n"),
        Dialect::Responses => {
            // Codex ends the turn with the message on this code, and tries
            // again on those it does not know.
            let failed = json!({
                "type": "response.failed",
                "response": {
                    "object": "response",
                    "status": "failed",
                    "error": {"code": "invalid_prompt", "message": words},
                },
            });
            format!("event: response.failed\ndata: {failed}\n\n")
        }
        Dialect::Chat | Dialect::Gemini | Dialect::Unknown => format!("data: {whole}\n\n"),
        Dialect::Ollama => format!("{whole}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_that_we_know_are_passed_on() {
        let check = |method: Method, path: &str, expected: Option<(Dialect, bool)>| {
            let found = route(&method, path, false).map(|route| (route.dialect, route.paid));
            assert_eq!(found, expected, "{method} {path}");
        };
        check(Method::POST, "/v1/messages", Some((Dialect::Anthropic, true)));
        check(Method::POST, "/v1/messages/count_tokens", Some((Dialect::Anthropic, false)));
        check(Method::POST, "/v1/responses", Some((Dialect::Responses, true)));
        check(Method::POST, "/v1/chat/completions", Some((Dialect::Chat, true)));
        check(Method::GET, "/v1/models", Some((Dialect::Chat, false)));
        check(Method::GET, "/v1/models/gpt-5.5", Some((Dialect::Chat, false)));
        check(Method::GET, "/v1/models/../messages", None);
        let gemini = "/v1beta/models/gemini-3-pro-preview:streamGenerateContent";
        check(Method::POST, gemini, Some((Dialect::Gemini, true)));
        check(Method::POST, "/v1beta/models/x:countTokens", Some((Dialect::Gemini, false)));
        check(Method::POST, "/v1beta/models/../../x:generateContent", None);
        check(Method::POST, "/v1beta/models/x:delete", None);
        check(Method::POST, "/api/chat", Some((Dialect::Ollama, true)));
        check(Method::POST, "/api/pull", None);
        check(Method::DELETE, "/v1/models/x", None);
        check(Method::POST, "/v1/messages/", None);
        check(Method::GET, "/", None);
    }

    #[test]
    fn the_model_lists_of_two_vendors_share_a_path() {
        let anthropic = route(&Method::GET, "/v1/models", true).map(|route| route.dialect);
        assert_eq!(anthropic, Some(Dialect::Anthropic), "by the header that only one of them has");
    }
}
