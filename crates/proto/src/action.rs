//! Named actions of a project: what a person does again and again beside an
//! agent, one click in a run's terminal or screen.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A command line with a name. A click types it into the run's terminal, as the
/// person who clicked: it can do no more than they can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProjectAction {
    /// What its button says: 1 to [`ProjectAction::LONGEST_NAME`] characters.
    pub name: String,
    /// One line for the shell.
    pub run: String,
}

impl ProjectAction {
    /// A button's words, not a sentence.
    pub const LONGEST_NAME: usize = 40;
    /// More buttons than anybody finds one among.
    pub const MOST: usize = 24;
}
