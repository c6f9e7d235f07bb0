//! Enrolment: one HTTP POST, over the same connector as the link.

use crate::deadlines::Deadlines;
use crate::endpoint::Endpoint;
use pilot_proto::Problem;
use pilot_proto::runner::{Join, Joined};

/// Why the runner is not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] crate::dial::DialError),
    /// The hub said no.
    #[error("the hub at `{hub}` did not enrol this runner: {problem}")]
    Refused {
        /// Where.
        hub: String,
        /// Why.
        problem: Problem,
    },
}

impl JoinError {
    /// For a person.
    pub fn problem(&self) -> Problem {
        todo!()
    }
}

/// Asks the hub to enrol this runner.
pub async fn post_join(
    endpoint: &Endpoint,
    join: &Join,
    deadlines: Deadlines,
) -> Result<Joined, JoinError> {
    todo!()
}
