//! What the window itself can do.

use crate::desktop::Desktop;
use crate::notices::Seen;
use crate::settings::{Graphics, QuietHours, Settings};
use crate::voice::Told;
use crate::{crash, notifications, tray_host, window};
use pilot_proto::{Code, Problem};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tauri::ipc::Channel;
use tauri::{AppHandle, State};
use tauri_plugin_autostart::ManagerExt;
use tauri_plugin_updater::UpdaterExt;

type Parts<'a> = State<'a, Arc<Desktop>>;

/// The settings that a page shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shown {
    notifications: bool,
    quiet_hours: Option<QuietHours>,
    autostart: bool,
    close_to_tray: bool,
    graphics: Graphics,
}

/// What this program is.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct About {
    version: &'static str,
    rendering: &'static str,
    data: String,
}

/// Tells the page what happens outside of it, from now on.
#[tauri::command]
pub(crate) fn listen(desktop: Parts<'_>, page: Channel<Told>) {
    desktop.listen(page);
}

/// The page shows this of that hub.
#[tauri::command]
pub(crate) async fn page_is(desktop: Parts<'_>, hub: String, path: String) -> Result<(), Problem> {
    tracing::debug!(hub, path, "the page shows");
    desktop.page_is(Seen { hub, path }).await;
    Ok(())
}

/// As they are.
#[tauri::command]
pub(crate) fn settings(app: AppHandle, desktop: Parts<'_>) -> Shown {
    let now = desktop.settings();
    Shown {
        notifications: now.notifications,
        quiet_hours: now.quiet_hours,
        // What the session will do, whoever changed it.
        autostart: app.autolaunch().is_enabled().unwrap_or(now.autostart),
        close_to_tray: now.close_to_tray,
        graphics: now.graphics,
    }
}

/// Changes them.
#[tauri::command]
pub(crate) async fn settings_save(
    app: AppHandle,
    desktop: Parts<'_>,
    settings: Shown,
) -> Result<(), Problem> {
    let before = desktop.settings();
    if settings.autostart != app.autolaunch().is_enabled().unwrap_or(before.autostart) {
        let launch = app.autolaunch();
        let done = if settings.autostart { launch.enable() } else { launch.disable() };
        done.map_err(|error| {
            let message = format!("Starting with the session cannot be changed: {error}.");
            Problem::new(Code::Internal, message).hint("Nothing was changed.")
        })?;
    }
    let after = Settings {
        notifications: settings.notifications,
        quiet_hours: settings.quiet_hours,
        autostart: settings.autostart,
        close_to_tray: settings.close_to_tray,
        graphics: settings.graphics,
        ..before
    };
    desktop.set(after).await
}

/// Shows one notification; what is wrong, if something is.
#[tauri::command]
pub(crate) async fn notification_test() -> Result<Option<Problem>, Problem> {
    Ok(notifications::test().await.err())
}

/// True if somebody shows tray icons.
#[tauri::command]
pub(crate) async fn has_tray() -> Result<bool, Problem> {
    Ok(tray_host::is_there().await)
}

/// Opens a web page outside.
#[tauri::command]
pub(crate) fn open_external(url: String) -> Result<(), Problem> {
    window::open_page(&url)
}

/// A report of a crash before this start.
#[tauri::command]
pub(crate) async fn crash_report(desktop: Parts<'_>) -> Result<Option<crash::Report>, Problem> {
    crash::unseen(&desktop.folder.crashes()).map_err(|error| unreadable(&error))
}

/// It was seen.
#[tauri::command]
pub(crate) async fn crash_dismiss(desktop: Parts<'_>) -> Result<(), Problem> {
    crash::dismiss(&desktop.folder.crashes()).map_err(|error| unreadable(&error))
}

fn unreadable(error: &std::io::Error) -> Problem {
    Problem::new(Code::Internal, format!("The reports of crashes cannot be read: {error}."))
}

/// Opens the folder with the reports.
#[tauri::command]
pub(crate) async fn crash_folder(desktop: Parts<'_>) -> Result<(), Problem> {
    let folder = desktop.folder.crashes();
    open::that_detached(&folder).map_err(|error| {
        let message = format!("`{}` cannot be opened: {error}.", folder.display());
        Problem::new(Code::Precondition, message)
    })
}

/// The version that could be installed, if there is a newer one. Asked only
/// when a person wants to know.
#[tauri::command]
pub(crate) async fn update_look(app: AppHandle) -> Result<Option<String>, Problem> {
    let refused = |error: tauri_plugin_updater::Error| {
        let message = format!("It is not known whether there is a newer version: {error}.");
        Problem::new(Code::Precondition, message)
    };
    let updater = app.updater().map_err(|error| match error {
        tauri_plugin_updater::Error::EmptyEndpoints => {
            Problem::new(Code::Precondition, "This build names no place where updates are.")
                .hint("Update it the way it was installed.")
        }
        other => refused(other),
    })?;
    let update = updater.check().await.map_err(refused)?;
    Ok(update.map(|update| update.version))
}

/// What this program is.
#[tauri::command]
pub(crate) fn about(desktop: Parts<'_>) -> About {
    About {
        version: env!("CARGO_PKG_VERSION"),
        rendering: desktop.rendering().name(),
        data: desktop.folder.path().display().to_string(),
    }
}

/// Ends the program. The runs go on.
#[tauri::command]
pub(crate) fn quit(app: AppHandle) {
    crate::app::quit(&app);
}
