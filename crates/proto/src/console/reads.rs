//! Reading logs, journals and changes.

use super::JournalPart;
use crate::event::{Cursor, Record};
use crate::ids::{RunId, TaskId};
use crate::snapshot::DiffSize;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which lines of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct LogQuery {
    /// Of which task.
    pub task: TaskId,
    /// Of which run; none: the latest.
    #[serde(default)]
    pub run: Option<RunId>,
    /// First line, from 0; none: so that the last line is included.
    #[serde(default)]
    pub from: Option<u64>,
    /// At most this many; none: 1000; bound: 10,000.
    #[serde(default)]
    pub lines: Option<u32>,
    /// The log as it was at this sequence number of the journal; none: now.
    #[serde(default)]
    pub at: Option<u64>,
}

/// Lines of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LogPage {
    /// Of which run.
    pub run: Option<RunId>,
    /// Number of the first line given.
    pub first: u64,
    /// The lines.
    pub lines: Vec<LogText>,
    /// How many the log has.
    pub total: u64,
    /// Last durable record: subscribe from here for what follows.
    pub cursor: Cursor,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LogText {
    /// Number of the line, from 0.
    pub line: u64,
    /// When it was minted.
    pub at: Timestamp,
    /// Where it came from.
    pub stream: crate::event::Stream,
    /// The line.
    pub text: String,
}

/// What to look for in a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct LogSearch {
    /// Of which task.
    pub task: TaskId,
    /// Of which run; none: the latest.
    #[serde(default)]
    pub run: Option<RunId>,
    /// What.
    pub pattern: String,
    /// `pattern` is a regular expression (syntax of the Rust `regex` crate).
    #[serde(default)]
    pub regex: bool,
    /// Upper and lower case are the same.
    #[serde(default)]
    pub ignore_case: bool,
    /// First line to look at.
    #[serde(default)]
    pub from: Option<u64>,
    /// At most this many; none: 200; bound: 10,000.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Lines that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LogHits {
    /// The lines.
    pub hits: Vec<LogText>,
    /// Where to go on, if the limit was reached.
    #[serde(default)]
    pub next: Option<u64>,
}

/// Which records of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct JournalQuery {
    /// Of which task.
    pub task: TaskId,
    /// Of which run; none: the latest.
    #[serde(default)]
    pub run: Option<RunId>,
    /// Those after this sequence number; none: from the start.
    #[serde(default)]
    pub after: Option<u64>,
    /// The last ones before this sequence number instead, in order: for
    /// reading backwards. Not together with `after`.
    #[serde(default)]
    pub before: Option<u64>,
    /// Which of them; none: every one.
    #[serde(default)]
    pub part: Option<JournalPart>,
    /// At most this many; none: 1000; bound: 10,000. A page also ends at 4 MiB.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Records of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct JournalPage {
    /// Of which run.
    pub run: Option<RunId>,
    /// The records.
    pub records: Vec<Record>,
    /// Last durable record of the journal.
    pub end: Cursor,
}

/// Which snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct DiffQuery {
    /// Of which task.
    pub task: TaskId,
    /// Of which run; none: the latest.
    #[serde(default)]
    pub run: Option<RunId>,
    /// As it was at this sequence number of the journal; none: the latest.
    #[serde(default)]
    pub at: Option<u64>,
}

/// Which file of which snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct FileQuery {
    /// Of which task.
    pub task: TaskId,
    /// Of which run; none: the latest.
    #[serde(default)]
    pub run: Option<RunId>,
    /// As it was at this sequence number of the journal; none: the latest.
    #[serde(default)]
    pub at: Option<u64>,
    /// Which file.
    pub path: String,
    /// First row; none: 0.
    #[serde(default)]
    pub first: Option<u64>,
    /// At most this many rows; none: 2000; bound: 20,000.
    #[serde(default)]
    pub rows: Option<u32>,
    /// Fold equal rows further than this from a change; none: no folding.
    #[serde(default)]
    pub context: Option<u32>,
    /// Lines that differ in white space only are the same.
    #[serde(default)]
    pub ignore_space: Option<bool>,
}

/// Of which run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct MomentsQuery {
    /// Of which task.
    pub task: TaskId,
    /// Of which run; none: the latest.
    #[serde(default)]
    pub run: Option<RunId>,
}

/// A point of a run that a person may want to go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Moment {
    /// Where it stands in the journal.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What it is.
    pub kind: MomentKind,
    /// In few words.
    pub label: String,
    /// Size of the change there, where the moment is one of the change.
    #[serde(default)]
    pub diff: Option<DiffSize>,
}

/// Kinds of moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum MomentKind {
    /// A phase began.
    Phase,
    /// A turn began.
    Turn,
    /// A tool was called.
    Tool,
    /// A person was needed.
    Asked,
    /// The change changed.
    Change,
    /// The end.
    End,
    /// A kind this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// The moments of a run, in order. Where there are very many, tools and
/// changes are thinned out evenly and `thinned` says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Moments {
    /// Of which run.
    pub run: Option<RunId>,
    /// At most [`Moments::MOST`].
    pub moments: Vec<Moment>,
    /// Some were left out.
    #[serde(default)]
    pub thinned: bool,
    /// Last durable record.
    pub end: Cursor,
}

impl Moments {
    /// More than a slider on a large screen has pixels.
    pub const MOST: usize = 5000;
}
