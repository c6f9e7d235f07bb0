//! A run's screen: who drives it, what its journal says of it, and what is
//! said beside its bytes on a tunnel.
//!
//! The bytes of a screen's tunnel are RFB 3.8 (RFC 6143) with the run's relay
//! as the server: it offers security type None, because the tunnel's ticket was
//! the authentication, and it alone decides whose keys, pointer and clipboard
//! pass. [`ToScreen`] and [`FromScreen`] travel as text on the same tunnel.

use crate::ids::TaskId;
use crate::secret::Secret;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

/// Who has keyboard and pointer of a run's screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct ScreenDriver {
    /// The person who took over; none: the agent, with its computer-use tools.
    #[serde(default)]
    pub who: Option<String>,
    /// Since when, by the runner's clock.
    pub since: Timestamp,
}

/// Why a person no longer drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum HandBackCause {
    /// They, or somebody for them, handed it back.
    Asked,
    /// Nothing came from them for long.
    Silence,
    /// The agent's work is over: there is nobody to hand it back to.
    RunOver,
    /// A cause this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// A VNC server that is there already, on the runner's machine or within its
/// reach, as a run's screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScreenServer {
    /// `host:port`. The runner's owner has to have allowed it.
    pub address: String,
    /// What it asks for, for those that want one: VNC's passwords have eight
    /// bytes that count.
    #[serde(default, with = "crate::secret::option_in_clear")]
    pub password: Option<Secret>,
}

/// Makes a server the screen of a task's run, or gives the run its own again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct ScreenAttach {
    /// Of which task.
    pub task: TaskId,
    /// `host:port`, as the runner reaches it; none: the run's own desktop again.
    #[serde(default)]
    pub server: Option<String>,
    /// Name of the hub's secret that has its password.
    #[serde(default)]
    pub password: Option<String>,
}

/// What happens to a run's screen, for its journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "what", rename_all = "snake_case")]
#[ts(optional_fields = nullable)]
pub enum ScreenEvent {
    /// The desktop stands.
    Started {
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
        /// It is this server's (`host:port`), and not the run's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attached: Option<String>,
    },
    /// The desktop is gone; the next look starts another.
    Ended {
        /// In a sentence.
        why: String,
    },
    /// A person drives from now on; the agent's input is refused.
    TakenOver {
        /// Who.
        who: String,
    },
    /// The agent may drive again.
    HandedBack {
        /// Who drove.
        who: String,
        /// Why.
        cause: HandBackCause,
        /// What the agent is told about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// What is shown is recorded from now on, into an artifact of this name.
    RecordingBegan {
        /// The artifact's name; it comes when the recording has ended.
        name: String,
        /// Who drives in it; none: the agent.
        #[serde(default)]
        who: Option<String>,
    },
    /// That recording is whole.
    RecordingEnded {
        /// Its name.
        name: String,
        /// How long it is, in milliseconds.
        millis: u64,
    },
    /// Something this build does not know yet.
    #[serde(untagged)]
    #[ts(skip)]
    Unknown(Value),
}

/// To a screen, besides what its RFB client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToScreen {
    /// Say [`FromScreen::Pong`] at once: for showing how far away it is.
    Ping {
        /// Comes back as it is.
        number: u32,
    },
    /// A word this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// From a screen, besides what its RFB server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
#[ts(optional_fields = nullable)]
pub enum FromScreen {
    /// How it stands. Said before the first byte, and when it changes.
    State {
        /// Pixels, as the server last said.
        width: u16,
        /// Pixels.
        height: u16,
        /// Who drives; none: nobody.
        #[serde(default)]
        driver: Option<ScreenDriver>,
        /// That is you: what you type, point and paste arrives. What anybody
        /// else sends of the kind is dropped.
        #[serde(default)]
        yours: bool,
        /// You may take over (`task_takeover`); the clipboard of the screen
        /// comes to you.
        #[serde(default)]
        may_drive: bool,
        /// How many look on or drive.
        viewers: u32,
        /// It is this server's (`host:port`), and not the run's own.
        #[serde(default)]
        attached: Option<String>,
    },
    /// Answer to [`ToScreen::Ping`].
    Pong {
        /// As it was asked.
        number: u32,
    },
    /// It is over, and so is the tunnel.
    Ended {
        /// Why, in a sentence.
        why: String,
        /// Another tunnel to it may be opened at once, and starts it again.
        #[serde(default)]
        again: bool,
    },
    /// A word this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// Gives the screen back to the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct HandBack {
    /// Of which task.
    pub task: TaskId,
    /// What was done, for the agent: it is told next (Markdown).
    #[serde(default)]
    pub note: Option<String>,
}

/// Media type of a recording of a screen: see `docs/PROTOCOL.md`.
pub const RECORDING_TYPE: &str = "application/x-pilothouse-screen";
/// What a recording's name ends with.
pub const RECORDING_EXTENSION: &str = "rfbs";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    #[test]
    fn a_screens_events_survive_the_wire_those_of_a_newer_build_as_well() {
        for text in [
            r#"{"type":"screen","what":"started","width":1280,"height":800}"#,
            r#"{"type":"screen","what":"handed_back","who":"ada","cause":"silence"}"#,
            r#"{"type":"screen","what":"moved","to":"mars"}"#,
        ] {
            let event: Event = serde_json::from_str(text).expect("it reads");
            assert!(matches!(event, Event::Screen(_)), "{event:?}");
            let back = serde_json::to_value(&event).expect("it writes");
            assert_eq!(back, serde_json::from_str::<Value>(text).expect("JSON"));
        }
    }
}
