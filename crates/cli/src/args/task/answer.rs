//! The words of `pilot task answer`.

use clap::Args;
use pilot_proto::permission::{PermissionDecision, PermissionRule};

#[derive(Debug, Args)]
pub(crate) struct TaskAnswer {
    /// Task that waits, or the inbox item's id
    pub(crate) task: String,
    #[command(flatten)]
    pub(crate) answer: AnswerWords,
    /// Permission, with --allow-for-run, --allow-for-project or --never: what it covers
    #[command(flatten)]
    pub(crate) rule: RuleWords,
}

/// What a permission rule names.
#[derive(Debug, Default, Args)]
pub(crate) struct RuleWords {
    /// Permissions: the agent's name for the tool, with `*` for any characters
    #[arg(long, value_name = "NAME")]
    pub(crate) tool: Option<String>,
    /// Permissions: the command line, with `*` for any characters
    #[arg(long, value_name = "PATTERN")]
    pub(crate) command: Option<String>,
    /// Permissions: the file, relative to the tree; `*` in a name, `**` for any path
    #[arg(long, value_name = "PATTERN")]
    pub(crate) path: Option<String>,
}

impl RuleWords {
    /// The rule; none where nothing is named.
    pub(crate) fn rule(self, decision: PermissionDecision) -> Option<PermissionRule> {
        let Self { tool, command, path } = self;
        let named = tool.is_some() || command.is_some() || path.is_some();
        named.then_some(PermissionRule { decision, tool, command, path })
    }
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct AnswerWords {
    /// Permission: yes, once. Plan: approved. Host: for this run. Budget: as much again
    #[arg(long)]
    pub(crate) allow: bool,
    /// Permission: yes, for this tool and the rest of this run; narrower with --command or --path
    #[arg(long)]
    pub(crate) allow_for_run: bool,
    /// Host, permission: yes, for all runs of the project; a permission for exactly this,
    /// or what --tool, --command and --path name
    #[arg(long)]
    pub(crate) allow_for_project: bool,
    /// Permission: no, and never in this project, and why; covers what --allow-for-project would
    #[arg(long, value_name = "REASON")]
    pub(crate) never: Option<String>,
    /// No, and why; the agent is told and goes on
    #[arg(long, value_name = "REASON")]
    pub(crate) deny: Option<String>,
    /// Question: the answer, or QUESTION=ANSWER where there are several; repeatable
    #[arg(long, value_name = "ANSWER")]
    pub(crate) choose: Vec<String>,
    /// Interrupted: go on with this
    #[arg(long, value_name = "TEXT")]
    pub(crate) say: Option<String>,
    /// Interrupted: nothing more, collect what is there
    #[arg(long)]
    pub(crate) end: bool,
}
