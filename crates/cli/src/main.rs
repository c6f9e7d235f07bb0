//! `pilot`: one binary for hub, runner, shim and console.
//!
//! Thin: it reads the command line, starts a room or asks a hub, and prints.
//! **Invariant:** only this crate prints to the terminal, reads the process's
//! environment, and decides an exit code.

mod args;
mod commands;
mod output;

use args::{Arguments, Command};
use clap::{CommandFactory, Parser};
use commands::Done;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.command, Command::AgentScripted) {
        // Its exit code is its own: a script may ask for any.
        return ExitCode::from(pilot_agents::scripted::main(&[]));
    }
    if let Command::AgentTerminal { arguments } = &arguments.command {
        return ExitCode::from(pilot_agents::command::terminal::main(arguments));
    }
    if let Command::AgentScreen { arguments } = &arguments.command {
        return ExitCode::from(pilot_agents::command::terminal::quiet_main(arguments));
    }
    if let Command::AgentApi { arguments } = &arguments.command {
        return ExitCode::from(pilot_agents::agentapi::bridge::main(arguments));
    }
    if let Some(ended) = inside(&arguments.command) {
        return ended;
    }
    if let Command::WallsInit { arguments } = &arguments.command {
        // Before there is a second thread: what one gives up, others keep.
        return match pilot_runner::inside::main(arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                output::problem(&error.into());
                ExitCode::FAILURE
            }
        };
    }
    match run(arguments) {
        Ok(done) => done.exit_code(),
        Err(error) => {
            output::problem(&error);
            output::exit_code_of(&error)
        }
    }
}

/// What runs inside a run's walls for a tunnel.
fn inside(command: &Command) -> Option<ExitCode> {
    let done = match command {
        Command::InsideTerminal { arguments } => pilot_runner::inside::terminal::main(arguments),
        Command::InsidePort { arguments } => pilot_runner::inside::port::main(arguments),
        _ => return None,
    };
    // Why, it has said itself where somebody hears it.
    Some(if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(arguments: Arguments) -> anyhow::Result<Done> {
    let Arguments { globals, command } = arguments;
    match command {
        Command::Shim { trial: true, .. } => commands::daemons::trial(),
        Command::Shim { run_dir, recover, trial: false } => {
            commands::daemons::shim(run_dir, recover)
        }
        Command::AgentScripted
        | Command::AgentApi { .. }
        | Command::AgentScreen { .. }
        | Command::AgentTerminal { .. }
        | Command::InsideTerminal { .. }
        | Command::InsidePort { .. }
        | Command::WallsInit { .. } => {
            unreachable!("it was run above")
        }
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Arguments::command(),
                "pilot",
                &mut std::io::stdout(),
            );
            Ok(Done::Well)
        }
        Command::Inside(command) => commands::inside::run(command),
        Command::WorkspaceMcp => commands::inside::serve_mcp(),
        Command::RunInWalls(arguments) => commands::walls::run(&globals, arguments),
        Command::Up(up) => commands::daemons::up(&globals, &up),
        Command::Hub(args::Hub { command: None, start }) => commands::daemons::hub(&globals, start),
        Command::Hub(args::Hub { command: Some(command), .. }) => {
            commands::hub::run(&globals, &command)
        }
        Command::Runner(args::Runner { command: None, start }) => {
            commands::daemons::runner(&globals, start)
        }
        Command::Runner(args::Runner { command: Some(command), .. }) => {
            commands::runner::run(&globals, &command)
        }
        Command::Forge(command) => commands::forge::run(&globals, command),
        Command::Provider(command) => commands::provider::run(&globals, command),
        Command::Profile(command) => commands::profile::run(&globals, command),
        Command::Agent(command) => commands::agent::run(&globals, &command),
        Command::Project(command) => commands::project::run(&globals, command),
        Command::Vault(command) => commands::vault::run(&globals, command),
        Command::Secret(command) => commands::secret::run(&globals, command),
        Command::Price(command) => commands::price::run(&globals, command),
        Command::Issue(command) => commands::issue::run(&globals, command),
        Command::Task(command) => commands::task::run(&globals, command),
        Command::Inbox { all } => commands::inbox::list(&globals, all),
    }
}
