//! The log of a run: lines by number, and search.

/// A page of lines, or of search hits, ends when it holds this much text: a
/// quarter of it still fits any frame, and no line is longer than the rest.
pub const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// What to look for in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// What.
    pub pattern: String,
    /// `pattern` is a regular expression.
    pub regex: bool,
    /// Upper and lower case are the same.
    pub ignore_case: bool,
    /// First line to look at.
    pub from: u64,
    /// At most this many hits.
    pub limit: usize,
}
