//! Commands of the ports of runs that are open on this machine.

use crate::desktop::Desktop;
use crate::ports::OpenPort;
use pilot_proto::{Problem, TaskId};
use std::sync::Arc;
use tauri::State;

type Parts<'a> = State<'a, Arc<Desktop>>;

/// Opens a port of a run on this machine's loopback.
#[tauri::command]
pub(crate) async fn port_open(
    desktop: Parts<'_>,
    hub: String,
    task: TaskId,
    port: u16,
) -> Result<OpenPort, Problem> {
    let client = desktop.client(&hub).await?;
    desktop.ports.open(client, (hub, task, port), &desktop.tasks).await
}

/// Hangs up on whoever uses it.
#[tauri::command]
pub(crate) fn port_close(desktop: Parts<'_>, hub: String, task: TaskId, port: u16) {
    desktop.ports.close(&(hub, task, port));
}

/// Those of a task that are open.
#[tauri::command]
pub(crate) fn ports(desktop: Parts<'_>, hub: String, task: TaskId) -> Vec<OpenPort> {
    desktop.ports.of(&hub, task)
}
