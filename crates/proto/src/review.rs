//! What a second agent finds in the work of the first.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The work is wrong with it.
    High,
    /// It should be mended.
    #[default]
    Medium,
    /// A matter of taste.
    Low,
    /// A word this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// A comment of a reviewing agent on the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReviewFinding {
    /// Which file, relative to the tree; empty: about the whole.
    #[serde(default)]
    pub path: String,
    /// First line as the file is now, from 1; none: about the whole file.
    #[serde(default)]
    pub first_line: Option<u64>,
    /// Last line; none: the first.
    #[serde(default)]
    pub last_line: Option<u64>,
    /// How much it matters.
    #[serde(default)]
    pub severity: Severity,
    /// The comment (Markdown).
    pub text: String,
}
