//! Drivers against recorded transcripts, against the real programs, and the
//! scripted agent as a whole.

mod acp_transcripts;
mod agentapi;
mod claude_cli;
mod claude_remote;
mod claude_transcripts;
mod codex_cli;
mod codex_transcripts;
mod command_agent;
mod gemini_cli;
mod opencode_cli;
mod pi_cli;
mod pi_transcripts;
mod play;
mod replay;
mod scripted_agent;

use pilot_agents::{Catalog, Driver, Start};

/// The driver of one of the agents that every build knows.
fn driver(agent: &str, start: Start) -> Box<dyn Driver> {
    Catalog::built_in().get(agent).expect("a known agent").driver(start)
}
