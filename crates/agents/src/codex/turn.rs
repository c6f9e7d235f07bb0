//! A turn of the run, which may be several of Codex' own: what it used, what
//! went wrong, how it ended.

use super::{text, whole};
use crate::driver::Step;
use crate::trouble;
use pilot_proto::event::TurnEnd;
use pilot_proto::run::Usage;
use pilot_proto::{Problem, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;

/// A turn under way.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Codex' own turn that is active.
    pub(super) id: Option<String>,
    /// A person wants it stopped.
    pub(super) interrupted: bool,
    /// The wish to stop was sent.
    pub(super) interrupt_sent: bool,
    /// How many permissions we refused.
    pub(super) denied: u32,
    /// Why we stopped it ourselves.
    pub(super) gave_up: Option<Problem>,
    /// A limit that was hit is in the journal.
    pub(super) limit_told: bool,
    /// The plan that Codex proposed in it.
    pub(super) plan: Option<String>,
    /// Codex' own turn is over with this, but a word that was put in is not
    /// acknowledged yet.
    pub(super) over: Option<Value>,
    /// Words that came too late for Codex' own turn.
    pub(super) unheard: Vec<String>,
    pub(super) usage: Usage,
    pub(super) summary: String,
}

impl Turn {
    /// The end as Codex tells it (`turn` of `turn/completed`).
    pub(super) fn ended(mut self, turn: &Value) -> Step {
        let failure = (text(turn, "status") == "failed").then(|| problem(&turn["error"]));
        if let Some(problem) = self.gave_up.take() {
            return self.step(TurnEnd::Error, Some(problem));
        }
        match (text(turn, "status"), failure) {
            (_, Some(problem)) => self.step(TurnEnd::Error, Some(problem)),
            ("interrupted", None) => self.step(TurnEnd::Interrupted, None),
            (_, None) => self.step(TurnEnd::Completed, None),
        }
    }

    /// It ended without Codex' agreement, or before Codex knew of it.
    pub(super) fn step(self, end: TurnEnd, problem: Option<Problem>) -> Step {
        let Self { usage, denied, summary, .. } = self;
        Step::TurnEnded { end, usage, denials: denied, summary, problem }
    }
}

/// The tokens that each thread has used so far. Codex tells totals, which go
/// on over resumes; a turn's share is what was added.
#[derive(Debug, Default)]
pub(super) struct TokensSeen {
    totals: BTreeMap<String, Usage>,
}

impl TokensSeen {
    /// What was used since the thread's last report.
    pub(super) fn added(&mut self, thread: &str, report: &Value) -> Usage {
        let total = usage(&report["total"]);
        match self.totals.insert(thread.to_owned(), total) {
            // A resumed thread begins at a total that we do not know.
            None => usage(&report["last"]),
            Some(before) => Usage {
                input_tokens: total.input_tokens.saturating_sub(before.input_tokens),
                output_tokens: total.output_tokens.saturating_sub(before.output_tokens),
                cache_read_tokens: total.cache_read_tokens.saturating_sub(before.cache_read_tokens),
                cache_write_tokens: total
                    .cache_write_tokens
                    .saturating_sub(before.cache_write_tokens),
                cost_micros: None,
            },
        }
    }
}

/// OpenAI counts what came from the cache as read.
fn usage(tokens: &Value) -> Usage {
    let cache_read_tokens = whole(&tokens["cachedInputTokens"]);
    let cache_write_tokens = whole(&tokens["cacheWriteInputTokens"]);
    Usage {
        input_tokens: whole(&tokens["inputTokens"])
            .saturating_sub(cache_read_tokens)
            .saturating_sub(cache_write_tokens),
        output_tokens: whole(&tokens["outputTokens"]),
        cache_read_tokens,
        cache_write_tokens,
        cost_micros: None,
    }
}

/// The HTTP status that an error is about, if it is about one.
pub(super) fn status(error: &Value) -> Option<u64> {
    let info = error["codexErrorInfo"].as_object()?;
    info.values().find_map(|detail| detail["httpStatusCode"].as_u64())
}

/// `Reconnecting... 2/5` → 2.
pub(super) fn attempt(message: &str) -> Option<u32> {
    let (before, _) = message.rsplit_once('/')?;
    before.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Why it tries again, in a person's words.
pub(super) fn reason(error: &Value) -> String {
    let details = text(error, "additionalDetails");
    match status(error) {
        Some(status) if details.is_empty() => format!("status {status}"),
        Some(status) => format!("status {status} ({details})"),
        None if details.is_empty() => text(error, "message").to_owned(),
        None => details.to_owned(),
    }
}

/// What an error that ends a turn means.
pub(super) fn problem(error: &Value) -> Problem {
    let words = match text(error, "message") {
        "" => "no reason given",
        words => words,
    };
    match error["codexErrorInfo"].as_str() {
        Some("unauthorized") => trouble::refused(words),
        Some("usageLimitExceeded" | "rateLimitExceeded" | "sessionBudgetExceeded") => {
            trouble::limited(words)
        }
        Some("serverOverloaded" | "internalServerError") => trouble::failing(words),
        _ => trouble::problem(status(error), words),
    }
}

/// When the limits of an account that are used up are over
/// (`account/rateLimits/updated`): the last of them.
pub(super) fn resets_at(limits: &Value) -> Option<Timestamp> {
    let windows = ["primary", "secondary"].map(|name| &limits[name]);
    let used_up = windows.into_iter().filter(|window| whole(&window["usedPercent"]) >= 100);
    let ends = used_up.filter_map(|window| window["resetsAt"].as_i64());
    ends.max().map(|secs| Timestamp(secs.saturating_mul(1_000_000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::Code;
    use serde_json::json;

    #[test]
    fn an_error_is_told_by_what_a_person_can_do() {
        let check = |info: Value, expected: Code| {
            let error = json!({"message": "words", "codexErrorInfo": info});
            assert_eq!(problem(&error).code, expected, "{error}");
        };
        check(json!("unauthorized"), Code::AgentAuth);
        check(json!({"httpConnectionFailed": {"httpStatusCode": 401}}), Code::AgentAuth);
        check(json!("usageLimitExceeded"), Code::AgentLimit);
        check(json!({"responseTooManyFailedAttempts": {"httpStatusCode": 429}}), Code::AgentLimit);
        check(json!("serverOverloaded"), Code::AgentFailed);
        check(json!({"responseStreamDisconnected": {"httpStatusCode": null}}), Code::AgentFailed);
        check(Value::Null, Code::AgentFailed);
    }

    #[test]
    fn a_resumed_thread_counts_only_what_is_new() {
        let report = |total: u64, last: u64| {
            json!({
                "total": {"inputTokens": total, "cachedInputTokens": 10, "outputTokens": 1},
                "last": {"inputTokens": last, "cachedInputTokens": 10, "outputTokens": 1},
            })
        };
        let mut seen = TokensSeen::default();
        assert_eq!(seen.added("a", &report(1000, 100)).input_tokens, 90);
        assert_eq!(seen.added("a", &report(1250, 200)).input_tokens, 250);
        assert_eq!(seen.added("b", &report(50, 50)).input_tokens, 40, "each thread for itself");
    }

    #[test]
    fn an_attempt_and_a_limit_are_read() {
        assert_eq!(attempt("Reconnecting... 12/50"), Some(12));
        assert_eq!(attempt("no number"), None);
        let limits = json!({
            "primary": {"usedPercent": 100, "resetsAt": 1_800_000_000},
            "secondary": {"usedPercent": 40, "resetsAt": 1_900_000_000},
        });
        assert_eq!(resets_at(&limits), Some(Timestamp(1_800_000_000_000_000)));
        assert_eq!(resets_at(&json!({"primary": null})), None);
    }
}
