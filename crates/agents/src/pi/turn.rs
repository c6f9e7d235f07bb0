//! A turn's messages, folded to its end: why, what it used, what went wrong.

use super::text;
use crate::driver::Step;
use crate::trouble;
use pilot_proto::event::TurnEnd;
use pilot_proto::run::Usage;
use pilot_proto::{Code, Problem};
use serde_json::Value;

/// A turn under way.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// The id of the prompt that began it.
    pub(super) prompt: String,
    /// A person wants it stopped.
    pub(super) interrupted: bool,
    /// How many permissions we refused.
    pub(super) denied: u32,
    /// Its work had ended when it began to shorten its memory.
    pub(super) compacts: bool,
    usage: Usage,
    summary: String,
    /// The model's last answer was cut off.
    aborted: bool,
    /// The last answer was an error, in these words.
    error: Option<String>,
}

impl Turn {
    pub(super) fn begun_by(prompt: String) -> Self {
        Self { prompt, ..Self::default() }
    }

    /// Adds an answer of the model; an attempt that failed is one, too.
    pub(super) fn fold(&mut self, message: &Value) {
        self.usage = self.usage.plus(used(&message["usage"]));
        let reason = text(message, "stopReason");
        self.aborted = reason == "aborted";
        self.error = (reason == "error").then(|| in_words(text(message, "errorMessage")));
        let texts = message["content"].as_array().into_iter().flatten();
        let texts: Vec<&str> = texts
            .filter(|block| text(block, "type") == "text")
            .map(|block| text(block, "text"))
            .collect();
        if !texts.is_empty() {
            self.summary = texts.join("\n");
        }
    }

    /// The program did not even take the prompt.
    pub(super) fn refused_prompt(&mut self, words: &str) {
        self.error = Some(words.to_owned());
    }

    /// The limit that it ended with, in the provider's words.
    pub(super) fn limit(&self) -> Option<String> {
        let words = self.error.as_ref()?;
        (problem(words).code == Code::AgentLimit).then(|| words.clone())
    }

    pub(super) fn ended(self) -> Step {
        if self.interrupted && (self.aborted || self.error.is_some()) {
            return self.step(TurnEnd::Interrupted, None);
        }
        match self.error.as_deref().map(problem) {
            Some(problem) => self.step(TurnEnd::Error, Some(problem)),
            None => self.step(TurnEnd::Completed, None),
        }
    }

    /// It ended without the agent's agreement.
    pub(super) fn cut_off(self, end: TurnEnd, problem: Problem) -> Step {
        self.step(end, Some(problem))
    }

    fn step(self, end: TurnEnd, problem: Option<Problem>) -> Step {
        Step::TurnEnded {
            end,
            usage: self.usage,
            denials: self.denied,
            summary: self.summary,
            problem,
        }
    }
}

/// A model whose price it does not know costs nothing to it, which says nothing.
fn used(usage: &Value) -> Usage {
    let whole = |field: &str| usage[field].as_u64().unwrap_or_default();
    let dollars = usage["cost"]["total"].as_f64().filter(|&dollars| dollars > 0.0);
    Usage {
        input_tokens: whole("input"),
        output_tokens: whole("output"),
        cache_read_tokens: whole("cacheRead"),
        cache_write_tokens: whole("cacheWrite"),
        // Rounded; the cast saturates.
        cost_micros: dollars.map(|dollars| (dollars * 1e6).round() as u64),
    }
}

/// Of `401 {"error":{"message":"invalid key"}}` what is for people, behind the
/// status.
pub(super) fn in_words(error: &str) -> String {
    let told = error.split_once(' ').and_then(|(status, body)| {
        let body: Value = serde_json::from_str(body).ok()?;
        Some(format!("{status} {}", body["error"]["message"].as_str()?))
    });
    told.unwrap_or_else(|| error.to_owned())
}

/// The provider's words begin with the status where there was an answer.
fn problem(words: &str) -> Problem {
    let status: Option<u64> = words.split(' ').next().and_then(|first| first.parse().ok());
    let no_key = words.contains("No API key") || words.contains("/login");
    if no_key && !matches!(status, Some(401 | 403)) {
        let words = words.lines().next().unwrap_or_default();
        return trouble::logged_out(
            words,
            "Add a provider called `pi` with `pilot provider add pi`.",
        );
    }
    trouble::problem(status, words)
}
