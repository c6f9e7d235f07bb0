//! What came of a run whose agent has ended by itself.
//!
//! Exit codes and the word "success" are hearsay: agents say both after having
//! done nothing. What counts is an error the agent reports, and whether the
//! tree changed.

use pilot_proto::event::TurnEnd;
use pilot_proto::run::Outcome;
use pilot_proto::{Code, Problem};

/// What is known when the tree has been collected.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Evidence {
    /// How the last turn ended; none: there was none.
    pub(super) end: Option<TurnEnd>,
    /// What the agent reported with it.
    pub(super) problem: Option<Problem>,
    /// Tool calls that were refused.
    pub(super) denials: u32,
    /// The tree differs from what it was.
    pub(super) changed: bool,
}

/// How the run ends without a push; none: there is something to push.
pub(super) fn judge(evidence: Evidence) -> Option<Outcome> {
    let Evidence { end, problem, denials, changed } = evidence;
    let failed = |problem| Some(Outcome::Failed { problem });
    match end {
        Some(TurnEnd::Error) => failed(problem.unwrap_or_else(|| {
            Problem::new(Code::AgentFailed, "The agent reported an error; its work was rescued.")
        })),
        Some(TurnEnd::Exited) | None => failed(problem.unwrap_or_else(|| {
            Problem::new(
                Code::AgentFailed,
                "The agent's process ended in the middle of a turn; its work was rescued.",
            )
        })),
        // An end this build does not know is judged by the change alone.
        Some(TurnEnd::Completed | TurnEnd::Interrupted | TurnEnd::Unknown) => {
            match (changed, denials) {
                (true, _) => None,
                (false, 0) => Some(Outcome::NoChange),
                (false, denials) => failed(
                    Problem::new(
                        Code::Denied,
                        format!(
                            "The agent changed nothing; {denials} of its tool calls were refused."
                        ),
                    )
                    .hint("Resume the task and allow what it needs, or run it in mode `auto`."),
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_change_and_the_reported_error_decide_and_nothing_else() {
        let check = |end, changed, denials, expected: Option<&str>| {
            let evidence = Evidence { end, problem: None, denials, changed };
            let outcome = judge(evidence.clone()).map(|outcome| match outcome {
                Outcome::NoChange => "no_change".to_owned(),
                Outcome::Failed { problem } => format!("{:?}", problem.code),
                other => format!("{other:?}"),
            });
            assert_eq!(outcome.as_deref(), expected, "{evidence:?}");
        };
        check(Some(TurnEnd::Completed), true, 0, None);
        check(Some(TurnEnd::Completed), true, 3, None);
        check(Some(TurnEnd::Completed), false, 0, Some("no_change"));
        check(Some(TurnEnd::Completed), false, 2, Some("Denied"));
        check(Some(TurnEnd::Interrupted), true, 0, None);
        check(Some(TurnEnd::Interrupted), false, 0, Some("no_change"));
        check(Some(TurnEnd::Error), true, 0, Some("AgentFailed"));
        check(Some(TurnEnd::Exited), true, 0, Some("AgentFailed"));
        check(None, true, 0, Some("AgentFailed"));
        check(Some(TurnEnd::Unknown), true, 0, None);
    }
}
