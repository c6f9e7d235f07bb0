//! What is wished of the issues, and the way the wishes take to the core.

use crate::core::handle::{CoreHandle, crossed};
use crate::core::messages::{Granted, IssueNews, Want};
use pilot_lifecycle::intake::Commanded;
use pilot_proto::Problem;
use pilot_proto::console::{FileIssues, IssueFiled, NewTask};
use pilot_proto::intake::{IntakeMemory, IntakePolicy, NoteKept, Ticket};

/// What is wished of it.
#[derive(Debug)]
pub(crate) enum IntakeWish {
    /// What makes a project's issues tasks; what is seen of them at first.
    Set(IntakePolicy, IntakeMemory),
    /// Nothing does any more.
    Unset(String),
    /// Somebody chose issues.
    Choose {
        /// Which.
        wanted: FileIssues,
        /// Who.
        who: String,
    },
    /// Somebody tells something.
    Hear {
        /// Of which project.
        project: String,
        /// The webhook's delivery by which they tell.
        delivery: Option<String>,
        /// What.
        news: IssueNews,
    },
    /// An issue's comments were read: up to this one, and these are commands of
    /// people who may give some.
    Read {
        /// The ticket as it was.
        ticket: Ticket,
        /// The last command that was looked at.
        heard: Option<u64>,
        /// Those that count.
        commands: Vec<Commanded>,
    },
    /// An issue was read and is this task.
    File(Ticket, Box<NewTask>),
    /// It came to nothing.
    Fail(Ticket, Problem),
    /// It is not wanted any more.
    Drop(Ticket),
    /// A person takes it off.
    Dismiss(String),
    /// The page of an issue says what it was to say.
    Noted(NoteKept),
}

impl CoreHandle {
    pub(crate) async fn intake(&self, wish: IntakeWish) -> Result<(), Problem> {
        self.ask(Want::Intake(Box::new(wish))).await.map(drop)
    }

    pub(crate) async fn choose_issues(
        &self,
        wanted: FileIssues,
        who: String,
    ) -> Result<Vec<IssueFiled>, Problem> {
        let wish = IntakeWish::Choose { wanted, who };
        match self.ask(Want::Intake(Box::new(wish))).await? {
            Granted::Issues(filed) => Ok(filed),
            Granted::Tasks(_)
            | Granted::Item(_)
            | Granted::Project(_)
            | Granted::Secret(_)
            | Granted::Done => Err(crossed()),
        }
    }
}
