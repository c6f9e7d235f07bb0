//! Ports of runs that are open on this machine's loopback, for a browser on it.
//!
//! They stay until a person stops them or the program ends: a browser has them
//! open, not the page that asked for them.

use pilot_client::{Client, Forward, ForwardError};
use pilot_proto::{Code, Problem, TaskId};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// More than anybody looks at.
const MOST: usize = 32;

/// Whose port: of which hub, which task, and which.
type Key = (String, TaskId, u16);

/// One that is open.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OpenPort {
    port: u16,
    /// What a browser here opens.
    url: String,
}

#[derive(Debug)]
struct Entry {
    address: SocketAddr,
    work: JoinHandle<()>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    open: Mutex<BTreeMap<Key, Entry>>,
}

impl Ports {
    /// Opens one, or gives the one that is open already. `tasks` has the work.
    pub(crate) async fn open(
        &self,
        client: Client,
        key: Key,
        tasks: &TaskTracker,
    ) -> Result<OpenPort, Problem> {
        let (_, task, port) = key;
        if let Some(entry) = self.lock().get(&key) {
            return Ok(shown(port, entry.address));
        }
        let forward = Forward::listen(client, task, port, None).await.map_err(|error| {
            let message = format!("No port of this machine can be listened on: {error}.");
            Problem::new(Code::Precondition, message)
        })?;
        let address = forward.address();
        let mut open = self.lock();
        // Somebody may have been quicker meanwhile; theirs stays.
        if let Some(entry) = open.get(&key) {
            return Ok(shown(port, entry.address));
        }
        if open.len() >= MOST {
            let message = format!("{MOST} ports of runs are open.");
            return Err(Problem::new(Code::Precondition, message).hint("Shut one of them first."));
        }
        let work = tasks.spawn(async move {
            let broke = |error: ForwardError| tracing::info!(port, %error, "a connection broke");
            let error = forward.serve(broke).await;
            tracing::warn!(port, %error, "no connection to a run's port can be taken any more");
        });
        open.insert(key, Entry { address, work });
        Ok(shown(port, address))
    }

    /// Those of a task.
    pub(crate) fn of(&self, hub: &str, task: TaskId) -> Vec<OpenPort> {
        let open = self.lock();
        let its = open.iter().filter(|((of, one, _), _)| of == hub && *one == task);
        its.map(|((_, _, port), entry)| shown(*port, entry.address)).collect()
    }

    /// Hangs up on whoever uses it.
    pub(crate) fn close(&self, key: &Key) {
        if let Some(entry) = self.lock().remove(key) {
            entry.work.abort();
        }
    }

    /// The hub is forgotten, and with it what was open of its runs.
    pub(crate) fn close_all_of(&self, hub: &str) {
        self.lock().retain(|(of, _, _), entry| {
            if of == hub {
                entry.work.abort();
            }
            of != hub
        });
    }

    /// Those that are listened on.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Entry>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, entry| !entry.work.is_finished());
        open
    }
}

fn shown(port: u16, address: SocketAddr) -> OpenPort {
    OpenPort { port, url: format!("http://{address}/") }
}
