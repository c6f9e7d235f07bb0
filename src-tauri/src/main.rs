//! `pilothouse`: the window, with a hub and a runner in it.
//!
//! A shim is started by name: where `pilot` is not installed beside the
//! window, this program stands in for it. That is decided before anything of
//! a window is touched, for a shim must be small and needs no display.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.first().and_then(|first| first.to_str()) {
        Some("agent-scripted") => ExitCode::from(pilot_agents::scripted::main(&[])),
        Some("agent-api") => {
            ExitCode::from(pilot_agents::agentapi::bridge::main(&words(&arguments[1..])))
        }
        Some("agent-terminal") => {
            ExitCode::from(pilot_agents::command::terminal::main(&words(&arguments[1..])))
        }
        Some("agent-screen") => {
            ExitCode::from(pilot_agents::command::terminal::quiet_main(&words(&arguments[1..])))
        }
        Some("inside-terminal") => {
            ended(&pilot_runner::inside::terminal::main(&words(&arguments[1..])))
        }
        Some("inside-port") => ended(&pilot_runner::inside::port::main(&words(&arguments[1..]))),
        Some("walls-init") => pilot_desktop::walls_init(&arguments[1..]),
        Some("shim") => pilot_desktop::shim(&arguments[1..]),
        _ => pilot_desktop::run(),
    }
}

/// Why, it has said itself where somebody hears it.
fn ended<E>(result: &Result<(), E>) -> ExitCode {
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn words(arguments: &[OsString]) -> Vec<String> {
    arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}
