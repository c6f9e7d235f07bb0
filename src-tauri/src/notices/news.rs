//! States of a hub's things, folded to what changed.

use super::words;
use super::{HubKey, Notice, Subject};
use pilot_proto::console::RunnerSeen;
use pilot_proto::inbox::InboxItem;
use pilot_proto::{InboxId, RunnerId, Task, TaskId, TaskState};
use std::collections::{BTreeMap, BTreeSet};

/// What a hub tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum News {
    /// A part of the present state; the first one of a round, and its last.
    Present {
        /// Tasks.
        tasks: Vec<Task>,
        /// Runners, in the first part.
        runners: Vec<RunnerSeen>,
        /// Open items, in the first part.
        inbox: Vec<InboxItem>,
        /// Begins a round.
        first: bool,
        /// Ends it.
        last: bool,
    },
    /// A task as it is now.
    Task(Box<Task>),
    /// A runner as it is now.
    Runner(Box<RunnerSeen>),
    /// An inbox item as it is now.
    Item(Box<InboxItem>),
}

/// What a hub's things were when we last heard of them.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The first round is over: from now on, what is new is news.
    settled: bool,
    tasks: BTreeMap<TaskId, Standing>,
    runners: BTreeMap<RunnerId, bool>,
    /// Open items that a run waits for.
    items: BTreeSet<InboxId>,
}

/// A task's state, as far as it makes news.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    state: &'static str,
    since: i64,
    dismissed: bool,
    title: String,
}

#[expect(clippy::large_enum_variant, reason = "there are few of them, for a moment")]
pub(super) enum Change {
    /// The reason for a notice is gone.
    Over(Subject),
    /// There is a reason for one.
    Came(Notice),
}

/// How many things of each sort there are, for the tray.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Tasks at work.
    pub(crate) running: usize,
    /// Open inbox items that a run waits for.
    pub(crate) needs_you: usize,
    /// Pull requests open, and work held for a look.
    pub(crate) ready: usize,
}

impl Known {
    /// What there is now.
    pub(crate) fn counts(&self) -> Counts {
        let count = |states: &[&str]| {
            self.tasks.values().filter(|task| states.contains(&task.state)).count()
        };
        Counts {
            running: count(&["leased", "working", "publishing"]),
            needs_you: self.items.len(),
            ready: count(&["in_review", "ready"]),
        }
    }

    pub(super) fn fold(&mut self, hub: &HubKey, news: News) -> Vec<Change> {
        let mut changes = Vec::new();
        match news {
            News::Present { tasks, runners, inbox, first, last } => {
                if first {
                    self.drop_answered(hub, &inbox, &mut changes);
                }
                tasks.iter().for_each(|task| self.task(hub, task, &mut changes));
                runners.iter().for_each(|runner| self.runner(hub, runner, &mut changes));
                inbox.iter().for_each(|item| self.item(hub, item, &mut changes));
                self.settled |= last;
            }
            News::Task(task) => self.task(hub, &task, &mut changes),
            News::Runner(runner) => self.runner(hub, &runner, &mut changes),
            News::Item(item) => self.item(hub, &item, &mut changes),
        }
        changes
    }

    /// A round tells all open items: the others were answered meanwhile.
    fn drop_answered(&mut self, hub: &HubKey, open: &[InboxItem], changes: &mut Vec<Change>) {
        let open: BTreeSet<_> = open.iter().map(|item| item.id).collect();
        for item in std::mem::take(&mut self.items) {
            if open.contains(&item) {
                self.items.insert(item);
            } else {
                changes.push(Change::Over(Subject::Item { hub: hub.clone(), item }));
            }
        }
    }

    fn task(&mut self, hub: &HubKey, task: &Task, changes: &mut Vec<Change>) {
        let standing = Standing {
            state: task.state.name(),
            since: task.since.0,
            dismissed: task.dismissed,
            title: task.title.clone(),
        };
        let before = self.tasks.insert(task.id, standing.clone());
        let moved = before
            .as_ref()
            .is_none_or(|before| before.state != standing.state || before.since != standing.since);
        let seen = standing.dismissed && before.is_some_and(|before| !before.dismissed);
        if moved || seen {
            changes.push(Change::Over(Subject::Task { hub: hub.clone(), task: task.id }));
        }
        if moved && self.settled && !task.dismissed && makes_news(&task.state) {
            changes.push(Change::Came(words::of_task(hub, task)));
        }
    }

    fn runner(&mut self, hub: &HubKey, runner: &RunnerSeen, changes: &mut Vec<Change>) {
        let before = self.runners.insert(runner.id, runner.online);
        if runner.online || runner.revoked {
            changes.push(Change::Over(Subject::Runner { hub: hub.clone(), runner: runner.id }));
        } else if self.settled && before == Some(true) {
            changes.push(Change::Came(words::of_runner(hub, runner)));
        }
    }

    fn item(&mut self, hub: &HubKey, item: &InboxItem, changes: &mut Vec<Change>) {
        if item.answered.is_some() {
            self.items.remove(&item.id);
            changes.push(Change::Over(Subject::Item { hub: hub.clone(), item: item.id }));
        } else if !item.ask.holds_up() {
            // A run that is refused one host after another goes on; whoever
            // looks at its task or the inbox finds them, and nobody is called.
        } else if self.items.insert(item.id) && self.settled {
            let title = self.tasks.get(&item.task).map_or("", |task| task.title.as_str());
            changes.push(Change::Came(words::of_item(hub, item, title)));
        }
    }
}

fn makes_news(state: &TaskState) -> bool {
    match state {
        TaskState::Ready
        | TaskState::InReview { .. }
        | TaskState::Published { .. }
        | TaskState::Failed { .. } => true,
        // A task that needs somebody has an inbox item, which is the news.
        TaskState::NeedsYou { .. }
        | TaskState::Queued
        | TaskState::Leased { .. }
        | TaskState::Working { .. }
        | TaskState::Publishing
        | TaskState::Merged { .. }
        | TaskState::Closed { .. }
        | TaskState::NoChange
        | TaskState::Cancelled => false,
    }
}
