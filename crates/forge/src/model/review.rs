//! What people say about a pull request.

/// What a review came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A remark.
    Comment,
    /// Approved.
    Approved,
    /// Changes are wanted.
    ChangesRequested,
}

/// Something that somebody said about a pull request: a comment on it, a
/// review, or a comment on a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// Unique among the feedback of the pull request: `comment-7`, `review-8`,
    /// `line-9`.
    pub id: String,
    /// Who said it.
    pub author: String,
    /// Markdown; may be empty for a review.
    pub body: String,
    /// What it came to.
    pub verdict: Verdict,
    /// File, for a comment on a line.
    pub path: Option<String>,
    /// Line of the new side, where the forge says.
    pub line: Option<u64>,
    /// Where a reply goes and what can be resolved; opaque.
    pub thread: Option<String>,
    /// Its conversation is resolved.
    pub resolved: bool,
    /// When it was written, in the forge's words (RFC 3339).
    pub written: String,
    /// Its page; empty where the forge names none.
    pub url: String,
}

impl Feedback {
    /// What of `all` was written after `since`, oldest first.
    pub(crate) fn in_order(mut all: Vec<Self>, since: Option<&str>) -> Vec<Self> {
        all.retain(|said| said.is_after(since));
        all.sort_by(|one, other| one.written.cmp(&other.written));
        all
    }

    /// True if it was written after `since` (RFC 3339 of the same forge, whose
    /// times have one form and so one order).
    pub fn is_after(&self, since: Option<&str>) -> bool {
        since.is_none_or(|since| self.written.as_str() > since)
    }
}
