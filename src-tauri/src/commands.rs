//! What the pages may ask of this program: everything, in one list.
//!
//! **Invariant:** a command that fails says a `Problem`, as a hub does.

#![expect(
    clippy::let_underscore_must_use,
    clippy::needless_pass_by_value,
    reason = "what tauri's macro makes of a command, and how it wants its arguments"
)]

mod hub;
mod hubs;
mod ports;
mod tunnel;
mod window;

pub(crate) use hub::told;

use tauri::Wry;
use tauri::ipc::Invoke;

/// All of them.
pub(crate) fn all() -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
    tauri::generate_handler![
        hub::hub_call,
        hub::hub_bytes,
        hub::hub_download,
        hub::live_open,
        hub::live_say,
        hub::live_taken,
        hub::live_close,
        tunnel::tunnel_open,
        tunnel::tunnel_send,
        tunnel::tunnel_say,
        tunnel::tunnel_taken,
        tunnel::tunnel_close,
        ports::port_open,
        ports::port_close,
        ports::ports,
        hubs::hubs,
        hubs::hub_probe,
        hubs::hub_add,
        hubs::hub_remove,
        hubs::hub_repin,
        hubs::local_hub_retry,
        hubs::keychain,
        hubs::sealed_unlock,
        window::listen,
        window::page_is,
        window::settings,
        window::settings_save,
        window::notification_test,
        window::has_tray,
        window::open_external,
        window::crash_report,
        window::crash_dismiss,
        window::crash_folder,
        window::update_look,
        window::about,
        window::quit,
    ]
}
