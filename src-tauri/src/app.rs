//! The program: starts, opens and closes the window, ends.
//!
//! ```text
//! start ──> hub, runner ──────────────────────────────> quit: they stop,
//!   └─────> window ──close──> tray: destroyed ──> window    the runs go on
//! ```

use crate::attendant::{Duties, attend, attendant};
use crate::desktop::{Desktop, logged};
use crate::folder::Folder;
use crate::log_file::LogFile;
use crate::scheme::SCHEME;
use crate::settings::WithoutTray;
use crate::surroundings::Surroundings;
use crate::tray::Tray;
use crate::voice::{Intent, Said, Told};
use crate::{commands, crash, scheme, tray_host, window};
use pilot_proto::{Code, Problem};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tauri::{App, AppHandle, Manager, RunEvent, WindowEvent};
use tauri_plugin_autostart::MacosLauncher;
use tauri_plugin_window_state::StateFlags;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts with the session: into the tray.
const HIDDEN: &str = "--hidden";
/// Hub and runner stop within this; then the program ends anyway.
const LAST_WORDS: Duration = Duration::from_secs(15);
/// A hub of one person needs no more, and each has a stack.
const THREADS: usize = 4;

/// Everything after the program's name was read.
pub(crate) fn run() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "the window cannot be opened");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), String> {
    let surroundings = Surroundings::of_this_process().map_err(|error| error.to_string())?;
    let folder = Folder::new(surroundings.data.clone());
    begin_log(&folder, surroundings.log.as_deref());
    // Every TLS client that names no provider of its own takes this one.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a provider of cryptography is installed already");
    }
    let runtime = runtime().map_err(|error| format!("the runtime does not start: {error}"))?;
    tauri::async_runtime::set(runtime.handle().clone());
    let (orders, duties) = attendant();
    let desktop = Desktop::new(folder, surroundings.is_own, surroundings.rendering.clone(), orders)
        .map_err(|error| error.to_string())?;
    let desktop = Arc::new(desktop);
    let app =
        build(Arc::clone(&desktop), surroundings, duties).map_err(|error| error.to_string())?;
    let mut runtime = Some(runtime);
    app.run(move |app, event| heard(app, &desktop, &mut runtime, event));
    Ok(())
}

fn runtime() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.clamp(2, THREADS))
        .enable_all()
        .build()
}

/// Into a file; to the terminal as well, for whoever started it there.
fn begin_log(folder: &Folder, wanted: Option<&str>) {
    let filter = wanted.and_then(|text| EnvFilter::try_new(text).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new("info"));
    let terminal = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter).with(terminal);
    match LogFile::open(&folder.logs()) {
        Ok(file) => {
            crash::watch(folder.crashes(), file.last_lines());
            let file =
                tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Mutex::new(file));
            registry.with(file).init();
        }
        Err(error) => {
            registry.init();
            tracing::warn!(%error, "no log is kept");
        }
    }
}

#[expect(clippy::exit, reason = "in what tauri's macro makes of the configuration")]
fn build(desktop: Arc<Desktop>, surroundings: Surroundings, duties: Duties) -> tauri::Result<App> {
    let setup = Arc::clone(&desktop);
    tauri::Builder::default()
        // First: a second start ends here and hands over its arguments.
        .plugin(tauri_plugin_single_instance::init(|app, arguments, _| {
            asked(app, arguments.get(1..).unwrap_or_default());
        }))
        .plugin(tauri_plugin_deep_link::init())
        .plugin(
            tauri_plugin_window_state::Builder::new()
                .with_state_flags(StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED)
                .build(),
        )
        .plugin(tauri_plugin_autostart::init(MacosLauncher::LaunchAgent, Some(vec![HIDDEN])))
        .plugin(tauri_plugin_updater::Builder::new().build())
        .manage(desktop)
        .invoke_handler(commands::all())
        .setup(move |app| {
            set_up(app.handle(), &setup, &surroundings, duties);
            Ok(())
        })
        .build(tauri::generate_context!())
}

fn set_up(app: &AppHandle, desktop: &Arc<Desktop>, surroundings: &Surroundings, duties: Duties) {
    // The hub first: it comes up while the window is made.
    let begun = Arc::clone(desktop);
    desktop.tasks.spawn_on(async move { begun.begin().await }, &tokio_handle());
    let attending = attend(duties, Arc::clone(desktop), app.clone());
    desktop.tasks.spawn_on(attending, &tokio_handle());
    desktop.tasks.spawn_on(tell_states(Arc::clone(desktop)), &tokio_handle());
    desktop.tasks.spawn_on(quit_when_told(app.clone()), &tokio_handle());
    match Tray::make(app) {
        Ok(tray) => desktop.keep_tray(tray),
        Err(error) => tracing::warn!(%error, "there is no tray icon"),
    }
    if surroundings.arguments.iter().any(|argument| argument == HIDDEN) {
        tracing::info!("started into the tray");
    } else {
        asked(app, &surroundings.arguments);
    }
    let registered = app.clone();
    desktop.tasks.spawn_blocking_on(
        move || logged("opening links", scheme::register(&registered)),
        &tokio_handle(),
    );
}

fn tokio_handle() -> tokio::runtime::Handle {
    tauri::async_runtime::handle().inner().clone()
}

/// Somebody started the program, perhaps with a link.
fn asked(app: &AppHandle, arguments: &[String]) {
    let link = match arguments {
        [one] if is_link(one) => Some(Intent::of(one)),
        _ => None,
    };
    match link {
        Some(intent) => {
            // Not what it says: it may be long, and somebody else's.
            tracing::info!("a link came");
            if let Intent::Refused(refused) = &intent {
                tracing::warn!(reason = refused.reason, "a link is not followed");
            }
            app.state::<Arc<Desktop>>().show_intent(app, intent);
        }
        None => window::show(app),
    }
}

fn is_link(text: &str) -> bool {
    text.get(..SCHEME.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(SCHEME))
        && text.get(SCHEME.len()..).is_some_and(|rest| rest.starts_with(':'))
}

async fn tell_states(desktop: Arc<Desktop>) {
    let mut states = desktop.local.states();
    while states.changed().await.is_ok() {
        let hub = states.borrow_and_update().clone();
        desktop.mention(Told::LocalHub { hub });
    }
}

async fn quit_when_told(app: AppHandle) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals are not heard");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    quit(&app);
}

/// Ends the program. The runs go on in their shims.
pub(crate) fn quit(app: &AppHandle) {
    if app.state::<Arc<Desktop>>().leave() {
        tracing::info!("the program ends; runs go on");
        app.exit(0);
    }
}

fn heard(app: &AppHandle, desktop: &Arc<Desktop>, runtime: &mut Option<Runtime>, event: RunEvent) {
    match event {
        RunEvent::WindowEvent { label, event, .. } if label == window::MAIN => {
            window_event(app, desktop, event);
        }
        // The last window is gone, and the program stays: in the tray.
        RunEvent::ExitRequested { api, code: None, .. } if !desktop.is_leaving() => {
            api.prevent_exit();
        }
        RunEvent::Exit => {
            let Some(runtime) = runtime.take() else { return };
            let stop = async { tokio::time::timeout(LAST_WORDS, desktop.local.stop()).await };
            if runtime.block_on(stop).is_err() {
                tracing::warn!("hub and runner did not stop in time");
            }
            // Not dropped, which would wait for a keychain or a program of the
            // desktop that somebody was just asked for.
            runtime.shutdown_background();
        }
        _ => {}
    }
}

fn window_event(app: &AppHandle, desktop: &Arc<Desktop>, event: WindowEvent) {
    match event {
        WindowEvent::CloseRequested { api, .. } => {
            // Decided elsewhere: the bus is asked first.
            api.prevent_close();
            let closing = close(app.clone(), Arc::clone(desktop));
            desktop.tasks.spawn_on(closing, &tokio_handle());
        }
        WindowEvent::Destroyed => {
            desktop.window_gone();
            let desktop = Arc::clone(desktop);
            let tasks = desktop.tasks.clone();
            tasks.spawn_on(async move { desktop.focus_is(false).await }, &tokio_handle());
        }
        WindowEvent::Focused(focused) => {
            let desktop = Arc::clone(desktop);
            let tasks = desktop.tasks.clone();
            tasks.spawn_on(async move { desktop.focus_is(focused).await }, &tokio_handle());
        }
        _ => {}
    }
}

/// A person closed the window. It must stay within reach.
async fn close(app: AppHandle, desktop: Arc<Desktop>) {
    let settings = desktop.settings();
    if !settings.close_to_tray {
        quit(&app);
        return;
    }
    let Some(window) = app.get_webview_window(window::MAIN) else { return };
    if tray_host::is_there().await {
        tracing::info!("closed into the tray");
        logged("closing", window.destroy());
        return;
    }
    match settings.without_tray {
        WithoutTray::Quit => quit(&app),
        WithoutTray::Minimise => {
            if !settings.told_no_tray {
                tracing::info!("there is no tray to close into");
                let said = Intent::Said(Said { problem: no_tray() });
                desktop.tell(Told::Intent { intent: said });
                let told = crate::settings::Settings { told_no_tray: true, ..settings };
                if let Err(problem) = desktop.set(told).await {
                    tracing::warn!(%problem, "the settings are not kept");
                }
                // The first time the window stays, for it says why.
                return;
            }
            tracing::info!("minimised instead of closed");
            logged("minimising", window.minimize());
        }
    }
}

fn no_tray() -> Problem {
    Problem::new(
        Code::Precondition,
        "This desktop shows no tray, so the window cannot be closed into it.",
    )
    .hint("Close it again to minimise it. In Settings, closing can end Pilothouse instead.")
}
