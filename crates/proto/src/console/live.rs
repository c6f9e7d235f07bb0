//! What a console and a hub say on the WebSocket.

use super::{LogText, RunnerSeen};
use crate::code::Problem;
use crate::event::{Event, Record};
use crate::ids::RunId;
use crate::inbox::InboxItem;
use crate::task::Task;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which records of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum JournalPart {
    /// Every one.
    #[default]
    All,
    /// All but output and snapshots: what a conversation is made of.
    Conversation,
}

impl JournalPart {
    /// True if the event belongs to it.
    pub fn has(self, event: &Event) -> bool {
        match self {
            Self::All => true,
            Self::Conversation => !matches!(event, Event::Output { .. } | Event::Snapshot(_)),
        }
    }
}

/// From a console, on its WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromConsole {
    /// Tell me of every change of a task, runner or inbox item.
    WatchAll {
        /// Chosen by the console; comes back with everything it is told.
        watch: u32,
    },
    /// Tell me every record of this run's journal after a position: history
    /// first, then live, in order, each once.
    WatchJournal {
        /// Chosen by the console.
        watch: u32,
        /// Which run.
        run: RunId,
        /// After which sequence number; 0 for all.
        after: u64,
        /// Which of its records.
        #[serde(default)]
        part: JournalPart,
    },
    /// Tell me how this run's log grows from now on; what is there is read
    /// with `task_log`.
    WatchLog {
        /// Chosen by the console.
        watch: u32,
        /// Which run.
        run: RunId,
    },
    /// No more of this.
    Unwatch {
        /// Which.
        watch: u32,
    },
}

/// To a console, on its WebSocket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToConsole {
    /// The watch stands: `WatchAll` begins with the present state of
    /// everything, `WatchJournal` with the record after the one asked for.
    Watching {
        /// Which.
        watch: u32,
    },
    /// A part of the present state of everything: the watch begins with it,
    /// and it comes again after `Behind`. What no part of a whole round tells
    /// is no longer there. Of a task, here and in `Task`, the prompt is cut
    /// after [`ToConsole::PROMPT_CUT`] characters.
    Present {
        /// Which watch.
        watch: u32,
        /// Tasks, newest first over all parts.
        tasks: Vec<Task>,
        /// All runners, in the first part.
        #[serde(default)]
        runners: Vec<RunnerSeen>,
        /// All open inbox items, oldest first, in the first part.
        #[serde(default)]
        inbox: Vec<InboxItem>,
        /// This is the first part.
        #[serde(default)]
        first: bool,
        /// This is the last part.
        #[serde(default)]
        last: bool,
    },
    /// A task as it is now.
    Task {
        /// Which watch.
        watch: u32,
        /// The task.
        task: Box<Task>,
    },
    /// A runner as it is now.
    Runner {
        /// Which watch.
        watch: u32,
        /// The runner.
        runner: Box<RunnerSeen>,
    },
    /// An inbox item as it is now.
    Inbox {
        /// Which watch.
        watch: u32,
        /// The item.
        item: Box<InboxItem>,
    },
    /// Records, in order.
    Records {
        /// Which watch.
        watch: u32,
        /// The records.
        records: Vec<Record>,
        /// The journal has ended with these.
        #[serde(default)]
        end: bool,
    },
    /// The log as it stands. Latest wins: where more lines were written than
    /// fit, only the last are here, and the others are read with `task_log`.
    Log {
        /// Which watch.
        watch: u32,
        /// How many lines it has.
        total: u64,
        /// The last of them, none twice, in order; empty at first.
        lines: Vec<LogText>,
        /// It will not grow any more.
        #[serde(default)]
        end: bool,
    },
    /// The console is too slow: the hub stopped queueing for this watch and
    /// goes on from `after` when the console has caught up. Nothing is lost;
    /// for `WatchAll` the present state is sent again.
    Behind {
        /// Which watch.
        watch: u32,
        /// How many messages were not queued.
        by: u64,
        /// Where it goes on, for a journal.
        #[serde(default)]
        after: Option<u64>,
    },
    /// The watch could not be made, or has ended.
    Ended {
        /// Which.
        watch: u32,
        /// Why.
        #[serde(default)]
        problem: Option<Problem>,
    },
}

impl ToConsole {
    /// Two lines of a list.
    pub const PROMPT_CUT: usize = 280;
}
