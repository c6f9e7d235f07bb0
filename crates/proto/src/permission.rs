//! What an agent may do without asking: a project's rules for the tools of its
//! agents, which the answers in the inbox extend.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A project's rules. Of the rules that fit, [`PermissionDecision::Never`] wins
/// over [`PermissionDecision::Ask`], and that over
/// [`PermissionDecision::Allow`], whatever their order; where none fits the
/// task's mode decides. What a person has allowed for the rest of a run goes
/// before `Ask`. Names, commands and paths are compared with what the agent
/// says; what cannot be read surely is not allowed, and is never.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct PermissionPolicy {
    /// At most [`PermissionPolicy::MAX_RULES`].
    pub rules: Vec<PermissionRule>,
}

impl PermissionPolicy {
    /// More than anybody reads.
    pub const MAX_RULES: usize = 500;
    /// Longest name, command or path of a rule, in bytes.
    pub const MAX_PATTERN: usize = 1000;
}

/// One rule. It fits a use of a tool where everything that it names fits; a
/// rule that names a command or a path fits only a use that has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(optional_fields = nullable)]
pub struct PermissionRule {
    /// What then.
    pub decision: PermissionDecision,
    /// The agent's name for the tool, with `*` for any characters, in upper or
    /// lower case; none: every tool.
    #[serde(default)]
    pub tool: Option<String>,
    /// The command line, with `*` for any characters and `\*` for an asterisk.
    /// A command line of several commands is allowed only where each of them
    /// is, or where a rule without `*` is this very line; it is never where
    /// one of them is.
    #[serde(default)]
    pub command: Option<String>,
    /// The file, relative to the tree where it is in it, with `*` for any
    /// characters of a name and `**` for any path. Of several files all must
    /// be allowed. With `Never` and `Ask` the words of a command line count as
    /// files, too.
    #[serde(default)]
    pub path: Option<String>,
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PermissionDecision {
    /// Yes, without asking, whatever the mode; in mode `plan` once the plan was
    /// approved.
    Allow,
    /// A person is asked, whatever the mode.
    Ask,
    /// No, without asking; the agent is told so and goes on.
    Never,
}
