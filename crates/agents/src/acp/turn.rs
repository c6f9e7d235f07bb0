//! A turn of ours, which may be several prompts to the agent: what it used,
//! and how it ended.

use super::habits::Tokens;
use super::{some_text, text};
use crate::driver::Step;
use crate::trouble;
use pilot_proto::event::TurnEnd;
use pilot_proto::run::Usage;
use pilot_proto::{Code, Problem};
use serde_json::Value;

/// A turn under way.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// A person wants it stopped.
    pub(super) interrupted: bool,
    /// How many permissions were refused.
    pub(super) denials: u32,
    /// What it said last.
    pub(super) said: String,
    /// What the agent does not know yet.
    untold: Vec<Untold>,
    usage: Usage,
    /// How often the connection to the model broke.
    breaks: u32,
}

/// Words for an agent that ended its prompt without knowing them.
#[derive(Debug)]
struct Untold {
    text: String,
    /// Also if it goes on by itself.
    in_any_case: bool,
}

/// Over a hiccup of the network, not over an outage.
const MOST_BREAKS: u32 = 3;

impl Turn {
    /// The connection to the model broke: the how-manieth time, as long as it is
    /// worth another try.
    pub(super) fn breaks_again(&mut self) -> Option<u32> {
        self.breaks += 1;
        (self.breaks <= MOST_BREAKS).then_some(self.breaks)
    }

    /// The agent is to be told this when its prompt ends, except if it goes on
    /// by itself before and that is enough.
    pub(super) fn tell(&mut self, text: String, in_any_case: bool) {
        self.untold.push(Untold { text, in_any_case });
    }

    /// It does something new, so a refusal has not ended its prompt.
    pub(super) fn goes_on(&mut self) {
        self.untold.retain(|untold| untold.in_any_case);
    }

    /// The next prompt, if it is to be told something.
    pub(super) fn take_untold(&mut self) -> Option<String> {
        let texts: Vec<String> = self.untold.drain(..).map(|untold| untold.text).collect();
        (!texts.is_empty()).then(|| texts.join("\n\n"))
    }

    /// Adds what a prompt used.
    pub(super) fn used(&mut self, result: &Value, tokens: Tokens, cost: Option<u64>) {
        let told = match tokens {
            Tokens::Turn => tokens_of(result),
            Tokens::LastAnswer => Usage::default(),
        };
        self.usage = self.usage.plus(Usage { cost_micros: cost, ..told });
    }

    /// It ended by itself, or as a person wished.
    pub(super) fn over(self) -> Step {
        let end = if self.interrupted { TurnEnd::Interrupted } else { TurnEnd::Completed };
        self.step(end, None)
    }

    /// It ended without the agent's agreement.
    pub(super) fn cut_off(self, end: TurnEnd, problem: Problem) -> Step {
        self.step(end, Some(problem))
    }

    fn step(self, end: TurnEnd, problem: Option<Problem>) -> Step {
        Step::TurnEnded {
            end,
            usage: self.usage,
            denials: self.denials,
            summary: self.said,
            problem,
        }
    }
}

/// The tokens of a prompt's answer: in the protocol's own field, or in that
/// which Gemini has made for itself, where those from the cache are in `input`.
fn tokens_of(result: &Value) -> Usage {
    let whole = |value: &Value| value.as_u64().unwrap_or_default();
    let (usage, quota) = (&result["usage"], &result["_meta"]["quota"]["token_count"]);
    if usage.is_object() {
        return Usage {
            input_tokens: whole(&usage["inputTokens"]),
            output_tokens: whole(&usage["outputTokens"]),
            cache_read_tokens: whole(&usage["cachedReadTokens"]),
            cache_write_tokens: whole(&usage["cachedWriteTokens"]),
            cost_micros: None,
        };
    }
    Usage {
        input_tokens: whole(&quota["input_tokens"]),
        output_tokens: whole(&quota["output_tokens"]),
        ..Usage::default()
    }
}

/// The total cost that was told for a session so far, over its resumes.
#[derive(Debug)]
pub(super) struct CostSeen {
    total: Option<f64>,
    counted: Option<f64>,
}

impl CostSeen {
    /// A resumed session begins at a total we do not know.
    pub(super) fn new(resumed: bool) -> Self {
        let begin = (!resumed).then_some(0.0);
        Self { total: None, counted: begin }
    }

    /// A `usage_update` told this. An agent that knows no price tells zero.
    pub(super) fn told(&mut self, cost: &Value) {
        let dollars = cost["amount"].as_f64().filter(|_| cost["currency"] == "USD");
        self.total = dollars.filter(|dollars| *dollars > 0.0).or(self.total);
    }

    /// What was added since the last time, in micro-dollars, rounded.
    pub(super) fn added(&mut self) -> Option<u64> {
        let total = self.total?;
        let added = self.counted.map(|counted| ((total - counted).max(0.0) * 1e6).round() as u64);
        self.counted = Some(total);
        added
    }
}

/// What an end that is not the agent's own choice says.
pub(super) fn stopped(reason: &str) -> Option<Problem> {
    let why = match reason {
        "end_turn" => return None,
        "cancelled" => "The agent cancelled its turn.".to_owned(),
        "refusal" => "The model refused to go on.".to_owned(),
        "max_tokens" => "The agent stopped at the model's limit of tokens.".to_owned(),
        "max_turn_requests" => "The agent stopped at its limit of requests.".to_owned(),
        other => format!("The agent stopped: `{other}`."),
    };
    let hint = "`pilot task resume` goes on where it stopped.";
    Some(Problem::new(Code::AgentFailed, why).hint(hint))
}

/// The code that the protocol has for a login that is wanted.
const LOGIN_WANTED: i64 = -32000;

/// What an agent's error says. Agents put the provider's status in the code,
/// in the data, or only in the words.
pub(super) fn problem(error: &Value) -> Problem {
    let data = &error["data"];
    let details = some_text(data, "details").or_else(|| some_text(data, "message"));
    let words = details.unwrap_or_else(|| text(error, "message").to_owned());
    let words = inner_words(&words).unwrap_or(words);
    trouble::problem(status(error).or_else(|| status_by(&words)), &words)
}

/// The provider's HTTP status, where an agent tells it.
fn status(error: &Value) -> Option<u64> {
    let code = error["code"].as_i64();
    let fields = ["statusCode", "status", "httpStatusCode"].iter();
    let mut statuses = fields.filter_map(|field| error["data"][*field].as_i64()).chain(code);
    statuses.find_map(|status| match status {
        LOGIN_WANTED => Some(401),
        400..600 => u64::try_from(status).ok(),
        _ => None,
    })
}

/// The status that a provider's words go with, where an agent passes on
/// nothing else.
fn status_by(words: &str) -> Option<u64> {
    const REFUSED: &[&str] = &["api key", "api-key", "unauthorized", "authentication"];
    const LIMITED: &[&str] = &["rate limit", "usage limit", "quota", "too many requests"];
    let words = words.to_lowercase();
    let any = |list: &[&str]| list.iter().any(|part| words.contains(part));
    if any(REFUSED) { Some(401) } else { any(LIMITED).then_some(429) }
}

/// The message of a provider's error that was passed on as JSON.
fn inner_words(words: &str) -> Option<String> {
    let inner: Value = serde_json::from_str(words).ok()?;
    some_text(&inner["error"], "message").or_else(|| some_text(&inner, "message"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_error_is_told_apart_by_its_status_or_its_words() {
        let check = |error: Value, code: Code, words: &str| {
            let problem = problem(&error);
            assert_eq!(problem.code, code, "{error}");
            assert!(problem.message.contains(words), "{problem}");
        };
        let google = r#"{"error":{"code":401,"message":"bad key","status":"UNAUTHENTICATED"}}"#;
        check(json!({"code": 401, "message": google}), Code::AgentAuth, "`bad key`");
        let wanted = json!({"code": -32000, "message": "Authentication required"});
        check(wanted, Code::AgentAuth, "required");
        let words = json!({"code": -32603, "message": "Internal error: invalid x-api-key"});
        check(words, Code::AgentAuth, "invalid");
        check(json!({"code": 429, "message": "slow down"}), Code::AgentLimit, "slow down");
        let quota = json!({"code": -32603, "message": "Internal error",
                           "data": {"details": "You exceeded your current quota"}});
        check(quota, Code::AgentLimit, "quota");
        check(json!({"code": 503, "message": "overloaded"}), Code::AgentFailed, "is failing");
        check(json!({"code": -32603, "message": "oh"}), Code::AgentFailed, "`oh`");
        check(json!(null), Code::AgentFailed, "error");
    }
}
