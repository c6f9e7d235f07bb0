//! What the page of an issue is told of its task.
//!
//! Nothing of what an agent or a machine said goes there: an error may name a
//! path, a host or a secret. Whoever may know it follows the link.

use pilot_proto::intake::{IssueNote, IssueStatus};
use pilot_proto::{Task, TaskState};

/// What is to stand on the issue's page now that its task is like this. `link`
/// is where the task can be looked at.
pub fn note(task: &Task, wanted: &IssueStatus, link: &str) -> IssueNote {
    let under_way = !task.state.is_end();
    IssueNote {
        label: wanted.label.clone(),
        has_label: under_way && wanted.label.is_some(),
        comment: wanted.comment.then(|| sentence(&task.state, link)),
    }
}

fn sentence(state: &TaskState, link: &str) -> String {
    let said = match state {
        TaskState::Queued
        | TaskState::Leased { .. }
        | TaskState::Working { .. }
        | TaskState::Publishing => "An agent is at work on this.".to_owned(),
        TaskState::NeedsYou { .. } | TaskState::Ready => {
            "An agent is at work on this and waits for a person.".to_owned()
        }
        TaskState::InReview { pull_request } => {
            format!("A change is ready for review: {}", pull_request.url)
        }
        TaskState::Merged { pull_request } => format!("Merged: {}", pull_request.url),
        TaskState::Closed { pull_request } => {
            format!("The change was closed without a merge: {}", pull_request.url)
        }
        TaskState::Published { branch, .. } => {
            format!("A change was pushed as the branch `{branch}`.")
        }
        TaskState::NoChange => "An agent looked at this and changed nothing.".to_owned(),
        TaskState::Failed { .. } => "An agent was at work on this and failed.".to_owned(),
        TaskState::Cancelled => "An agent was at work on this and was stopped.".to_owned(),
    };
    format!("{said}\n\nTask: {link}")
}
