//! Whether somebody shows tray icons. A tray icon can be made where nobody
//! does, and a window hidden behind it would be out of reach.

use std::time::Duration;
use zbus::Connection;

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHER_PATH: &str = "/StatusNotifierWatcher";
/// A person has just pressed "close"; a bus that says nothing counts as no.
/// Half a second was too short beside forty runs on two busy cores; a bus that
/// is there answers in a millisecond otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// True if a StatusNotifier host is there.
pub(crate) async fn is_there() -> bool {
    match tokio::time::timeout(PATIENCE, ask()).await {
        Ok(Ok(there)) => there,
        Ok(Err(error)) => {
            tracing::debug!(%error, "nobody knows of a tray");
            false
        }
        Err(_) => {
            tracing::warn!("the session bus does not say whether there is a tray");
            false
        }
    }
}

async fn ask() -> zbus::Result<bool> {
    let connection = Connection::session().await?;
    let proxy = zbus::Proxy::new(&connection, WATCHER, WATCHER_PATH, WATCHER).await?;
    proxy.get_property("IsStatusNotifierHostRegistered").await
}
