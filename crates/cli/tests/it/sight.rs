//! What becomes of a task, in the sight of a person: what it asks, its journal,
//! the branch that it has published. And the providers that it may use.

use crate::world::World;
use pilot_proto::console::TaskDetail;
use pilot_proto::{Event, InboxItem, Record, TaskId, TaskState};

impl World {
    /// A provider of this kind at this address.
    pub(crate) fn add_provider(&self, name: &str, kind: &str, url: &str, key: &str) {
        let words = ["provider", "add", name, "--kind", kind, "--key-stdin", "--base-url", url];
        self.pilot_with_input(&words, &format!("{key}\n")).ok();
    }

    pub(crate) fn detail(&self, id: TaskId) -> TaskDetail {
        self.json(&["task", "show", &id.to_string()])
    }

    /// Waits until a task needs a person again.
    pub(crate) fn asked_after(&self, id: TaskId, earlier: Option<&InboxItem>) -> InboxItem {
        self.until("a person is needed", || {
            let items: Vec<InboxItem> = self.json(&["inbox"]);
            let fits =
                |item: &InboxItem| item.task == id && earlier.is_none_or(|one| one.id != item.id);
            let found = items.into_iter().find(fits);
            if found.is_none() {
                let task = self.task(id);
                assert!(!task.state.is_end(), "it asks no more: {task:#?}");
            }
            found
        })
    }

    /// The journal of the task's last run.
    pub(crate) fn events(&self, id: TaskId) -> Vec<Event> {
        let out = self.pilot(&["task", "log", "--records", "--json", &id.to_string()]).ok();
        let records = out.lines().map(serde_json::from_str::<Record>);
        records.map(|record| record.expect("a line is a record").event).collect()
    }

    /// A file of the branch that a task has published.
    pub(crate) fn published(&self, id: TaskId, path: &str) -> Option<String> {
        let task = self.until_state(id, "published");
        let TaskState::Published { branch, .. } = &task.state else { panic!("{task:#?}") };
        self.file_in(&self.demo_repository(), branch, path)
    }
}
