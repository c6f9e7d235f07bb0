//! Tunnels: a console's way to something inside a run's walls.
//!
//! A console opens a WebSocket at [`TUNNEL_PATH`]. The hub makes a ticket, good
//! once and for seconds, and sends it to the run's runner
//! ([`ToRunner::OpenTunnel`](crate::runner::ToRunner::OpenTunnel)). The runner
//! dials a connection of its own ([`Role::Tunnel`](crate::runner::Role::Tunnel)),
//! says the ticket, and from then on the hub hands frames on in both
//! directions without looking into them: bytes and text. Nobody listens on a
//! port.
//!
//! What is said over a terminal's tunnel is [`ToTerminal`] and
//! [`FromTerminal`] in text, and in bytes what is typed and shown; a port's
//! tunnel is one connection's bytes; a screen's is in [`crate::screen`].

use crate::ids::RunId;
use crate::screen::ScreenServer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

/// Path of a console's tunnels at the hub, with a [`TunnelQuery`] behind it.
pub const TUNNEL_PATH: &str = "/api/tunnel";

/// Largest frame of a tunnel: what costs least per byte without holding up
/// what is typed meanwhile.
pub const MAX_TUNNEL_FRAME: usize = 64 * 1024;

/// Which tunnel a console wants, as a query string.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct TunnelQuery {
    /// To a run of this task: the latest.
    pub task: crate::ids::TaskId,
    /// To this port of loopback inside; none: to the terminal.
    #[serde(default)]
    pub port: Option<u16>,
    /// To the screen, and not to the terminal.
    #[serde(default)]
    pub screen: Option<bool>,
    /// Only look: nothing that is typed is taken.
    #[serde(default)]
    pub view: Option<bool>,
}

/// Where a tunnel ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum TunnelEnd {
    /// At the run's terminal, which is made when the first comes.
    Terminal,
    /// At a TCP port of loopback inside the walls.
    Port {
        /// Which.
        port: u16,
    },
    /// At the run's screen, which is started when the first looks.
    Screen,
    /// Nowhere: as it opens, this server has become the run's screen, or the
    /// run's own has again; a refusal says why not.
    Attach {
        /// Which; none: the run's own.
        #[serde(default)]
        server: Option<ScreenServer>,
    },
    /// Somewhere this build does not know.
    #[serde(untagged)]
    Unknown(Value),
}

/// A tunnel to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelWish {
    /// To which run.
    pub run: RunId,
    /// Where in it.
    pub to: TunnelEnd,
    /// Who wants it, for the run's log and for others who look on.
    pub who: String,
    /// They may type. Otherwise they look on.
    pub drive: bool,
}

/// To a terminal. What is typed comes as bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToTerminal {
    /// Be of this size. Only the driver's counts.
    Resize {
        /// Characters in a row: 1 to [`ToTerminal::LARGEST`].
        columns: u16,
        /// Rows: 1 to [`ToTerminal::LARGEST`].
        rows: u16,
    },
    /// I want to type. Whoever typed until now looks on.
    Drive,
    /// A word this build does not know yet.
    #[serde(other)]
    Unknown,
}

impl ToTerminal {
    /// More than any screen shows in the smallest letters.
    pub const LARGEST: u16 = 1000;
}

/// From a terminal. What it shows comes as bytes, secrets taken out; at first
/// the last of what it showed before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromTerminal {
    /// How it stands. Said at first, and when it changes.
    State {
        /// Characters in a row.
        columns: u16,
        /// Rows.
        rows: u16,
        /// Who types; none: nobody.
        #[serde(default)]
        driver: Option<String>,
        /// That is you.
        #[serde(default)]
        yours: bool,
        /// How many look on or type.
        viewers: u32,
    },
    /// It is over.
    Ended {
        /// Why, in a sentence.
        why: String,
        /// What is missing comes back by itself, as a runner does that is being
        /// started again: another tunnel may be tried soon.
        #[serde(default)]
        again: bool,
    },
    /// A word this build does not know yet.
    #[serde(other)]
    Unknown,
}
