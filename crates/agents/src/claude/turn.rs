//! A turn's results, folded to its end: why, what it used, what went wrong.

use super::{some_text, text, whole};
use crate::driver::Step;
use crate::trouble;
use pilot_proto::event::TurnEnd;
use pilot_proto::run::Usage;
use pilot_proto::{Code, Problem};
use serde_json::Value;

/// Asks, not tools: refusing one refuses no work.
const NOT_TOOLS: &[&str] = &["AskUserQuestion", "ExitPlanMode"];

/// A turn under way.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// A person wants it stopped.
    pub(super) interrupted: bool,
    /// How many permissions we refused.
    pub(super) denied: u32,
    /// Why we stopped it ourselves.
    pub(super) gave_up: Option<Problem>,
    /// A limit that was hit is in the journal.
    pub(super) limit_told: bool,
    results: u32,
    usage: Usage,
    denials: u32,
    summary: String,
    aborted: bool,
    problem: Option<Problem>,
}

impl Turn {
    pub(super) fn has_result(&self) -> bool {
        self.results > 0
    }

    /// Adds a `result`. A turn has several when background work reports back;
    /// the last one says how it ended.
    pub(super) fn fold(&mut self, result: &Value, used: Usage) {
        self.results += 1;
        self.usage = self.usage.plus(used);
        let denials = result["permission_denials"].as_array().into_iter().flatten();
        let denials =
            denials.filter(|denial| !NOT_TOOLS.contains(&text(denial, "tool_name"))).count();
        self.denials = self.denials.saturating_add(u32::try_from(denials).unwrap_or(u32::MAX));
        text(result, "result").clone_into(&mut self.summary);
        self.aborted = text(result, "terminal_reason").starts_with("aborted")
            || (self.interrupted && text(result, "subtype") == "error_during_execution");
        self.problem = (result["is_error"] == Value::Bool(true)).then(|| problem(result));
    }

    /// A limit without an event of its own (those come with a subscription
    /// only), in the provider's words.
    pub(super) fn limit_to_tell(&mut self) -> Option<String> {
        let limited = self.problem.as_ref().is_some_and(|one| one.code == Code::AgentLimit);
        if !limited || std::mem::replace(&mut self.limit_told, true) {
            return None;
        }
        Some(self.summary.clone())
    }

    pub(super) fn ended(mut self) -> Step {
        let cut = self.aborted || self.problem.is_some();
        if let Some(problem) = self.gave_up.take().filter(|_| cut) {
            return self.cut_off(TurnEnd::Error, problem);
        }
        if self.interrupted && self.aborted {
            // The program also lists what the interrupt itself cut off.
            return self.step(TurnEnd::Interrupted, None, |turn| turn.denied);
        }
        let problem = self.problem.take();
        let end = if problem.is_some() { TurnEnd::Error } else { TurnEnd::Completed };
        self.step(end, problem, |turn| turn.denials)
    }

    /// It ended without the agent's agreement.
    pub(super) fn cut_off(self, end: TurnEnd, problem: Problem) -> Step {
        self.step(end, Some(problem), |turn| turn.denied)
    }

    fn step(self, end: TurnEnd, problem: Option<Problem>, denials: fn(&Self) -> u32) -> Step {
        let denials = denials(&self);
        Step::TurnEnded { end, usage: self.usage, denials, summary: self.summary, problem }
    }
}

/// The total cost that a program has reported so far. It counts over the whole
/// process, and over resumes; a turn's share is what was added.
#[derive(Debug)]
pub(super) struct CostSeen {
    dollars: Option<f64>,
}

impl CostSeen {
    /// A resumed session begins at a total we do not know.
    pub(super) fn new(resumed: bool) -> Self {
        Self { dollars: (!resumed).then_some(0.0) }
    }

    /// What was used since the last result.
    pub(super) fn usage(&mut self, result: &Value) -> Usage {
        let total = result["total_cost_usd"].as_f64();
        let added = match (total, self.dollars) {
            (Some(total), Some(before)) => Some((total - before).max(0.0)),
            _ => None,
        };
        self.dollars = total.or(self.dollars);
        // Newer programs say it themselves, subagents and other models included.
        match result["model_usage_since_last_result"].as_object().filter(|used| !used.is_empty()) {
            Some(models) => models.values().map(of_model).fold(Usage::default(), Usage::plus),
            None => of_result(&result["usage"], added),
        }
    }
}

fn of_model(model: &Value) -> Usage {
    Usage {
        input_tokens: whole(&model["inputTokens"]),
        output_tokens: whole(&model["outputTokens"]),
        cache_read_tokens: whole(&model["cacheReadInputTokens"]),
        cache_write_tokens: whole(&model["cacheCreationInputTokens"]),
        cost_micros: model["costUSD"].as_f64().map(micros),
    }
}

fn of_result(usage: &Value, dollars: Option<f64>) -> Usage {
    Usage {
        input_tokens: whole(&usage["input_tokens"]),
        output_tokens: whole(&usage["output_tokens"]),
        cache_read_tokens: whole(&usage["cache_read_input_tokens"]),
        cache_write_tokens: whole(&usage["cache_creation_input_tokens"]),
        cost_micros: dollars.map(micros),
    }
}

/// Rounded; the cast saturates.
fn micros(dollars: f64) -> u64 {
    (dollars * 1e6).round() as u64
}

fn problem(result: &Value) -> Problem {
    let words = some_text(result, "result")
        .or_else(|| result["errors"][0].as_str().map(str::to_owned))
        .unwrap_or_else(|| text(result, "subtype").to_owned());
    // Not logged in is told before any request, so without a status.
    let logged_out = words.contains("/login") || text(result, "api_error") == "not_logged_in";
    let status = result["api_error_status"].as_u64();
    if logged_out && !matches!(status, Some(401 | 403)) {
        let hint = "Give the project's runner a key with `pilot provider add`.";
        return trouble::logged_out(&words, hint);
    }
    trouble::problem(status, &words)
}
