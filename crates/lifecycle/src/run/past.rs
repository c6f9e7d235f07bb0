//! What the journal of an earlier incarnation shows, for a shim that recovers.

use pilot_proto::event::Event;
use pilot_proto::{InboxId, OrderId};
use std::collections::BTreeSet;

/// What earlier incarnations of a run journalled: a fold over its records,
/// from which [`crate::RunMachine::recover`] goes on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Past {
    /// Orders that were carried out, or could not be.
    pub(super) orders: BTreeSet<OrderId>,
    /// Asks nobody has decided.
    pub(super) open: BTreeSet<InboxId>,
    /// Branch and commit of a wanted push.
    pub(super) wanted: Option<(String, String)>,
    /// An order was carried out after the push was wanted: it may have been
    /// the permit, so the branch may be in the remote.
    pub(super) maybe_pushed: bool,
    /// The commit is in the remote.
    pub(super) landed: Option<String>,
    /// Work was rescued.
    pub(super) rescued: bool,
    /// The workspace is gone.
    pub(super) cleaned: bool,
    /// There is nothing more to journal.
    pub(super) finished: bool,
}

impl Past {
    /// Takes in the next record's event.
    pub fn fold(&mut self, event: &Event) {
        match event {
            Event::OrderDone { order, problem } => {
                self.orders.insert(*order);
                self.maybe_pushed |= self.wanted.is_some() && problem.is_none();
            }
            Event::Asked { item, .. } => {
                self.open.insert(*item);
            }
            Event::Decided { item, .. } | Event::Withdrawn { item } => {
                self.open.remove(item);
            }
            Event::PushWanted { branch, commit, .. } => {
                self.wanted = Some((branch.clone(), commit.clone()));
            }
            Event::Pushed { commit, .. } => self.landed = Some(commit.clone()),
            Event::Rescued { .. } => self.rescued = true,
            Event::Cleaned { .. } => self.cleaned = true,
            Event::Finished(_) => self.finished = true,
            Event::Phase { .. }
            | Event::Output { .. }
            | Event::SessionStarted { .. }
            | Event::SessionSaved { .. }
            | Event::TurnStarted { .. }
            | Event::Steered { .. }
            | Event::Text { .. }
            | Event::Thinking { .. }
            | Event::ToolStarted { .. }
            | Event::ToolOutput { .. }
            | Event::ToolEnded { .. }
            | Event::Todos { .. }
            | Event::Reported { .. }
            | Event::ChildWanted { .. }
            | Event::ChildDecided { .. }
            | Event::Activity { .. }
            | Event::Retrying { .. }
            | Event::LimitHit { .. }
            | Event::Resumes { .. }
            | Event::TurnEnded { .. }
            | Event::AgentExited { .. }
            | Event::Checkpoint(_)
            | Event::ReviewStarted { .. }
            | Event::Reviewed { .. }
            | Event::Snapshot(_)
            | Event::Rebased { .. }
            | Event::Artifact { .. }
            | Event::Walls(_)
            | Event::Network(_)
            | Event::NetworkEnded(_)
            | Event::NetworkLost { .. }
            | Event::ModelCalled(_)
            | Event::RemoteControl { .. }
            | Event::Screen(_)
            | Event::LoginRenewed { .. }
            | Event::Unknown(_) => {}
        }
    }

    /// The run's journal is complete: there is nothing to recover.
    pub fn finished(&self) -> bool {
        self.finished
    }
}
