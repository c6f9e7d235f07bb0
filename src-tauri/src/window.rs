//! The one window: made when it is wanted, destroyed when it is closed.
//!
//! **Invariants:** the window shows our own pages and nothing else; whatever
//! leads elsewhere is opened by the system, and only if it is a web page.

use crate::desktop::Desktop;
use crate::rendering::{self, Rendering};
use pilot_proto::{Code, Problem};
use std::path::Path;
use std::sync::Arc;
use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager, WebviewWindow, WebviewWindowBuilder};
use url::Url;

/// Its label.
pub(crate) const MAIN: &str = "main";
/// No page of ours links to a longer one.
const MAX_URL: usize = 8192;

/// Brings the window to the front, and makes it if there is none.
pub(crate) fn show(app: &AppHandle) {
    let began = std::time::Instant::now();
    let shown = match app.get_webview_window(MAIN) {
        Some(window) => bring_up(&window),
        None => make(app).map(|()| {
            tracing::info!(millis = began.elapsed().as_millis(), "the window was made");
        }),
    };
    if let Err(error) = shown {
        tracing::error!(%error, "the window cannot be shown");
    }
}

/// The same, from any thread.
pub(crate) fn show_soon(app: &AppHandle) {
    let shown = app.clone();
    if let Err(error) = app.run_on_main_thread(move || show(&shown)) {
        tracing::error!(%error, "the window cannot be shown");
    }
}

fn bring_up(window: &WebviewWindow) -> tauri::Result<()> {
    window.unminimize()?;
    window.show()?;
    window.set_focus()
}

fn make(app: &AppHandle) -> tauri::Result<()> {
    let config = app.config().app.windows.iter().find(|window| window.label == MAIN);
    let config = config.ok_or(tauri::Error::WindowNotFound)?;
    let dev = app.config().build.dev_url.clone().filter(|_| tauri::is_dev());
    let window = WebviewWindowBuilder::from_config(app, config)?
        .on_navigation(move |url| is_ours(url, dev.as_ref()))
        .on_new_window(|url, _| {
            open_outside(url.as_str());
            NewWindowResponse::Deny
        })
        .build()?;
    draw(&window)
}

/// True for the pages in this program.
fn is_ours(url: &Url, dev: Option<&Url>) -> bool {
    let ours = match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        // Where a system's webview knows no schemes of our own.
        "http" | "https" => url.host_str() == Some("tauri.localhost"),
        "about" => url.path() == "blank",
        "blob" => true,
        _ => false,
    };
    let by_dev = dev.is_some_and(|dev| dev.origin() == url.origin());
    if !ours && !by_dev {
        open_outside(url.as_str());
    }
    ours || by_dev
}

fn draw(window: &WebviewWindow) -> tauri::Result<()> {
    match window.state::<Arc<Desktop>>().rendering() {
        Rendering::Accelerated => Ok(()),
        Rendering::Software => without_acceleration(window),
    }
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

/// How this machine draws, by what is set.
pub(crate) fn rendering(
    environment: Option<&str>,
    graphics: crate::settings::Graphics,
) -> Rendering {
    let has_card = rendering::has_card(Path::new("/dev/dri"));
    rendering::choose(environment, graphics, has_card)
}

fn open_outside(url: &str) {
    if let Err(problem) = open_page(url) {
        tracing::warn!(%problem, "a link was not opened");
    }
}

/// Opens a web page in the person's browser.
pub(crate) fn open_page(text: &str) -> Result<(), Problem> {
    let url = outside(text)?;
    open::that_detached(url.as_str()).map_err(|error| {
        Problem::new(Code::Precondition, format!("No browser could be started: {error}."))
            .hint("Install a web browser, or copy the link.")
    })
}

/// Checks that it is a web page: nothing else may be started from a page, and
/// a login in an address would show another host than it goes to.
fn outside(text: &str) -> Result<Url, Problem> {
    let refused =
        |why: &str| Problem::new(Code::Invalid, format!("The link was not opened: {why}."));
    if text.len() > MAX_URL {
        return Err(refused("it is too long"));
    }
    let url = Url::parse(text).map_err(|_| refused("it is no address"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("only web pages are opened"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(refused("it names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it has a login in it"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_pages_are_opened_outside() {
        for fine in ["https://git.example.org/a/b/pulls/3", "http://127.0.0.1:3000/x?y#z"] {
            assert!(outside(fine).is_ok(), "{fine}");
        }
        let long = format!("https://example.org/{}", "a".repeat(MAX_URL));
        for bad in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "pilothouse://new",
            "smb://server/share",
            "https://example.org@evil.example",
            "https://me:pw@example.org",
            "-a",
            "/etc/passwd",
            "",
            long.as_str(),
        ] {
            assert!(outside(bad).is_err(), "{bad}");
        }
    }
}
