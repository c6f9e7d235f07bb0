//! A Tauri window with nothing in it: what `scripts/bench` compares ours with.
//! `--software` draws it as ours is drawn where there is no graphics card.

use tauri::{Manager, WebviewWindow, WebviewWindowBuilder};

#[expect(clippy::exit, reason = "in what tauri's macro makes of the configuration")]
fn main() -> tauri::Result<()> {
    let software = std::env::args().any(|argument| argument == "--software");
    tauri::Builder::default()
        .setup(move |app| {
            let config = app.config().app.windows.first().cloned();
            let config = config.ok_or(tauri::Error::WindowNotFound)?;
            WebviewWindowBuilder::from_config(app.handle(), &config)?.build()?;
            let window = app.get_webview_window("main").ok_or(tauri::Error::WindowNotFound)?;
            if software {
                without_acceleration(&window)?;
            }
            Ok(())
        })
        .run(tauri::generate_context!("examples/empty/tauri.conf.json"))
}

#[cfg(target_os = "linux")]
fn without_acceleration(window: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::{HardwareAccelerationPolicy, SettingsExt, WebViewExt};
    window.with_webview(|webview| {
        if let Some(settings) = WebViewExt::settings(&webview.inner()) {
            settings.set_hardware_acceleration_policy(HardwareAccelerationPolicy::Never);
        }
    })
}

#[cfg(not(target_os = "linux"))]
fn without_acceleration(_: &WebviewWindow) -> tauri::Result<()> {
    Ok(())
}
