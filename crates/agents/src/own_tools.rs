//! The tools that every agent has of us, told to it in its own way: an MCP
//! server on standard streams, which `pilot` is when it is started as
//! [`OwnTools::SUBCOMMAND`], inside the walls. What the tools are, and who may
//! call them, is not decided here.

use serde_json::{Value, json};
use std::path::PathBuf;

/// Where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTools {
    /// The `pilot` binary, as it is called inside the walls.
    pub program: PathBuf,
    /// The run's socket, as it is called inside the walls.
    pub socket: PathBuf,
}

impl OwnTools {
    /// The hidden subcommand of `pilot` that is the server.
    pub const SUBCOMMAND: &str = "workspace-mcp";
    /// What agents know the server as.
    pub const NAME: &str = "pilothouse";
    /// Names the socket to the server.
    pub const VARIABLE: &str = "PILOTHOUSE_SOCKET";
    /// Longest wait for a tool, in seconds: a person may have gone to bed.
    pub(crate) const PATIENCE_SECS: u64 = 24 * 3600;
    /// Longest wait for the server to come up, in seconds, on a busy machine.
    pub(crate) const START_SECS: u64 = 60;

    /// Its program.
    pub(crate) fn program(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    /// Its variables: some agents hand none of their own on.
    pub(crate) fn variables(&self) -> Value {
        json!({Self::VARIABLE: self.socket.to_string_lossy()})
    }

    /// The server as most programs' configurations have it.
    pub(crate) fn server(&self) -> Value {
        json!({"command": self.program(), "args": [Self::SUBCOMMAND], "env": self.variables()})
    }
}
