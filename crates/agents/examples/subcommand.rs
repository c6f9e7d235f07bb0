//! The part of the `pilot` binary that these tests need: the hidden subcommands
//! that agents are started through.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((name, rest)) if name == pilot_agents::command::terminal::SUBCOMMAND => {
            ExitCode::from(pilot_agents::command::terminal::main(rest))
        }
        Some((name, rest)) if name == pilot_agents::agentapi::bridge::SUBCOMMAND => {
            ExitCode::from(pilot_agents::agentapi::bridge::main(rest))
        }
        _ => panic!("unknown arguments {arguments:?}"),
    }
}
