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
use tokio_util::sync::CancellationToken;
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
    stop: CancellationToken,
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
        let (address, stop) = (forward.address(), CancellationToken::new());
        {
            let mut open = self.lock();
            // Somebody may have been quicker meanwhile; theirs stays.
            if let Some(entry) = open.get(&key) {
                return Ok(shown(port, entry.address));
            }
            if open.len() >= MOST {
                let message = format!("{MOST} ports of runs are open.");
                return Err(
                    Problem::new(Code::Precondition, message).hint("Stop one of them first.")
                );
            }
            open.insert(key, Entry { address, stop: stop.clone() });
        }
        tasks.spawn(async move {
            let broke = |error: ForwardError| tracing::info!(port, %error, "a connection broke");
            tokio::select! {
                error = forward.serve(broke) => tracing::warn!(port, %error, "a port is shut"),
                () = stop.cancelled() => {}
            }
        });
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
            entry.stop.cancel();
        }
    }

    /// The hub is forgotten, and with it what was open of its runs.
    pub(crate) fn close_all_of(&self, hub: &str) {
        self.lock().retain(|(of, _, _), entry| {
            if of == hub {
                entry.stop.cancel();
            }
            of != hub
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Entry>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shown(port: u16, address: SocketAddr) -> OpenPort {
    OpenPort { port, url: format!("http://{address}/") }
}
