//! What the scripted agent's driver and program say to each other: JSON lines.

use pilot_proto::event::TurnEnd;
use pilot_proto::inbox::{Answer, Ask};
use pilot_proto::run::Usage;
use pilot_proto::{Event, Mode, Problem};
use serde::{Deserialize, Serialize};

/// First character of a protocol line on the program's standard output (the
/// record separator of RFC 7464).
pub(super) const MARK: char = '\u{1e}';

/// On the program's standard input.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub(super) enum ToProgram {
    /// Begins a turn. With the mode, so that the program needs no arguments.
    Say {
        text: String,
        mode: Mode,
        /// It asks also in `auto`.
        #[serde(default)]
        ruled: bool,
    },
    /// Answers an ask.
    Answer { key: String, answer: Answer },
    /// Ends the turn.
    Interrupt,
}

/// On its standard output, after [`MARK`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub(super) enum FromProgram {
    /// The program runs.
    Started { version: String },
    /// Something for the journal.
    Event { event: Event },
    /// A person is needed.
    Ask { key: String, ask: Ask },
    /// A person is not needed any more.
    Withdraw { key: String },
    /// The turn is over.
    TurnEnded {
        end: TurnEnd,
        #[serde(default)]
        usage: Usage,
        #[serde(default)]
        denials: u32,
        #[serde(default)]
        summary: String,
        #[serde(default)]
        problem: Option<Problem>,
    },
}
