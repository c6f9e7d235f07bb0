//! The window: an embedded hub and runner, several hubs side by side, tray,
//! notifications, links, keychain.
//!
//! ```text
//! page ──commands──> Desktop ──> Client ──> hub (this process's, or elsewhere)
//!   ^──channel── Voice  │  ^──news── hearers, one per hub
//!                       └──> Attendant ──> tray, notifications
//! ```
//!
//! **Invariants:** this is the only room that names `tauri`. Tokens never
//! enter the page. A link, a notification or a page's message never acts by
//! itself beyond what a person pressed. The page may ask for our commands and
//! for nothing else: no shell, no files, no other hosts.

mod app;
mod attendant;
mod clock;
mod commands;
mod crash;
mod desktop;
mod folder;
mod hubs;
mod json_file;
mod keys;
mod links;
mod live;
mod local_hub;
mod log_file;
mod notices;
mod notifications;
mod ports;
mod rendering;
mod scheme;
mod settings;
mod surroundings;
mod tray;
mod tray_host;
mod tunnel;
mod voice;
mod watching;
mod window;

use pilot_runner::shim::{OwnLog, ShimOptions};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Opens the window, and stays until the person quits.
pub fn run() -> ExitCode {
    app::run()
}

/// The first process inside a run's walls, where this program stands in for
/// `pilot`.
pub fn walls_init(arguments: &[OsString]) -> ExitCode {
    let words = arguments.iter().map(|word| word.to_string_lossy().into_owned());
    match pilot_runner::inside::main(&words.collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        // The shim heard it already.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Whether an agent answers: what to try comes in, what came of it goes out.
fn trial() -> ExitCode {
    let Ok(program) = std::env::current_exe() else { return ExitCode::FAILURE };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tried = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        let trial = pilot_runner::shim::try_agent(program, surroundings::variables());
        runtime.block_on(Box::pin(trial)).map_err(|error| error.to_string())
    });
    let told = tried.map(|json| std::io::Write::write_all(&mut std::io::stdout(), json.as_bytes()));
    if matches!(told, Ok(Ok(()))) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One run's own process, where this program stands in for `pilot`:
/// `[--recover] DIRECTORY`, or `--trial`, as the runner says it.
pub fn shim(arguments: &[OsString]) -> ExitCode {
    if arguments.iter().any(|argument| argument == "--trial") {
        return trial();
    }
    let recover = arguments.iter().any(|argument| argument == "--recover");
    let run_dir = arguments.iter().find(|argument| *argument != "--recover");
    let (Some(run_dir), Ok(program)) = (run_dir, std::env::current_exe()) else {
        return ExitCode::FAILURE;
    };
    let environment = surroundings::variables();
    let log = OwnLog::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_writer(move || writer.over(std::io::stderr()))
        .with_ansi(false)
        .init();
    let options =
        ShimOptions { run_dir: PathBuf::from(run_dir), recover, program, environment, log };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.map_err(|error| error.to_string()).and_then(|runtime| {
        runtime.block_on(pilot_runner::shim::main(options)).map_err(|error| error.to_string())
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "the shim ends");
            ExitCode::FAILURE
        }
    }
}
