//! The owner of the hub in the window, from outside of it.

use crate::session::Session;
use pilot_client::{Client, Endpoint};
use pilot_proto::console::{Command, InboxList, InboxQuery, NewTask, Stop, TaskNew, TaskStop};
use pilot_proto::task::Mode;
use pilot_proto::{Secret, Task};
use tokio::runtime::Runtime;

/// The owner of the hub in the window, by the token that the real keychain has.
pub(crate) struct Owner {
    client: Client,
    runtime: Runtime,
}

impl Owner {
    pub(crate) fn of(session: &Session) -> Self {
        session.logged("this machine's hub serves", 1);
        let token = session
            .run("secret-tool", &["lookup", "service", "pilothouse", "username", "owner-token"]);
        assert_eq!(token.len(), 64, "the keychain has the owner's token");
        let hub = session.data().join("pilothouse/hub");
        assert!(!hub.join("owner-token").exists(), "and no file has it");
        let url = std::fs::read_to_string(hub.join("address")).expect("the hub says where it is");
        let endpoint =
            Endpoint { url: url.trim().to_owned(), token: Secret::new(token), fingerprint: None };
        // A worker of its own: it sees that the hub closed a connection, while the
        // test waits for something else.
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self { client: Client::new(&endpoint).expect("a hub"), runtime: runtime.expect("one") }
    }

    /// The hub's answer to a command.
    #[track_caller]
    pub(crate) fn asks<C: Command>(&self, request: C::Request) -> C::Response {
        self.runtime.block_on(self.client.call::<C>(request)).expect("the hub answers")
    }

    pub(crate) fn files(&self, prompt: &str) -> Task {
        let new: NewTask = serde_json::from_value(serde_json::json!({
            "project": "demo", "agent": "scripted", "prompt": prompt, "on_timeout": "pause",
        }))
        .expect("a task");
        self.asks::<TaskNew>(NewTask { mode: Some(Mode::Ask), ..new })
    }

    pub(crate) fn stops(&self, task: &Task) {
        self.asks::<TaskStop>(Stop { task: task.id, keep_children: None });
    }

    /// How many items are open.
    pub(crate) fn open_items(&self) -> usize {
        self.asks::<InboxList>(InboxQuery::default()).len()
    }
}
