//! What a model provider's troubles mean: one set of words for all agents.

use pilot_proto::model::{KEY_REFUSED, LOGIN_ENDED};
use pilot_proto::{Code, Problem};

/// What an answer of this HTTP status means; none: the agent tells no status.
pub(crate) fn problem(status: Option<u64>, words: &str) -> Problem {
    match status {
        // Not every agent passes the status on with them.
        _ if [LOGIN_ENDED, KEY_REFUSED].iter().any(|part| words.contains(part)) => refused(words),
        Some(401 | 403) => refused(words),
        Some(429) => limited(words),
        Some(500..) => failing(words),
        _ => Problem::new(Code::AgentFailed, format!("The agent reported an error: `{words}`.")),
    }
}

/// The provider does not take the login, or the gateway has none any more.
pub(crate) fn refused(words: &str) -> Problem {
    if words.contains(LOGIN_ENDED) {
        let message = format!("The agent's login has ended: {words}.");
        return Problem::new(Code::AgentAuth, message)
            .hint("Log in anew with `pilot provider add`, then `pilot task again`.");
    }
    Problem::new(Code::AgentAuth, format!("The model provider refused the agent's key: `{words}`."))
        .hint("Set a valid key with `pilot provider add`, then `pilot task again`.")
}

/// Its limit is used up.
pub(crate) fn limited(words: &str) -> Problem {
    Problem::new(Code::AgentLimit, format!("The provider's limit is used up: `{words}`."))
        .hint("Wait until it resets, then `pilot task resume`.")
}

/// It does not work.
pub(crate) fn failing(words: &str) -> Problem {
    Problem::new(Code::AgentFailed, format!("The model provider is failing: `{words}`."))
        .hint("`pilot task resume` goes on where it stopped.")
}

/// The agent has no key at all, and says so.
pub(crate) fn logged_out(words: &str, hint: &str) -> Problem {
    Problem::new(Code::AgentAuth, format!("The agent is not logged in: `{words}`.")).hint(hint)
}

/// The run was given no provider that the agent can use.
pub(crate) fn no_provider(hint: &str) -> Problem {
    Problem::new(Code::AgentAuth, "The agent is not logged in: it was given no model provider.")
        .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_has_ended_is_no_refused_key() {
        let check = |words: &str, expected: &str| {
            let problem = problem(Some(401), words);
            assert_eq!(problem.code, Code::AgentAuth);
            assert!(problem.message.starts_with(expected), "{problem}");
        };
        check("invalid x-api-key", "The model provider refused the agent's key");
        check(&format!("the login at `team` {LOGIN_ENDED}: `no`"), "The agent's login has ended");
    }
}
