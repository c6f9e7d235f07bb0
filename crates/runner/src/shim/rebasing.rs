//! A run without an agent: what was pushed before is put on top of the base,
//! which has moved. If that is not clean the tree stays as it was, the run
//! changes nothing, and somebody else sees to the conflict.

use super::pushing;
use super::steps::{self, Report, word};
use super::workspace::{SharedWorkspace, Workspace};
use pilot_git::{Rebase, Rebased};
use pilot_lifecycle::{RunEvent, Step};
use pilot_proto::pull_request::PushWay;
use pilot_proto::{Event, Problem};

const NOT_CLEAN: &str = "The branch was not put on top of its base: that is not clean.";

/// Puts the branch there. Whoever looks at the tree begins anew: it is measured
/// against another commit then.
pub(super) async fn rebase(workspace: SharedWorkspace) -> Report {
    let done = match put_there(&workspace).await {
        Ok(Some(rebased)) => settle(&workspace, rebased).await,
        Ok(None) => stays(&workspace, NOT_CLEAN.to_owned()).await,
        // What is in review is as good as before; whoever sees to it says more.
        Err(problem) => stays(&workspace, format!("{NOT_CLEAN} {}", problem.message)).await,
    };
    done.unwrap_or_else(|problem| Report::failed(Step::Rebase, problem))
}

async fn stays(workspace: &Workspace, words: String) -> Result<Report, Problem> {
    let looker = steps::looker(workspace, steps::read_fork(workspace)?).await?;
    let mut report = Report::of(RunEvent::Rebased { commit: None }).after([word(words)]);
    report.looker = Some(looker);
    Ok(report)
}

async fn put_there(workspace: &Workspace) -> Result<Option<Rebased>, Problem> {
    // What is pushed for review has no branch of ours to replace.
    if workspace.way() == PushWay::Agit {
        return Ok(None);
    }
    let (tree, login) = (workspace.dir.tree(), workspace.login());
    let wanted = Rebase {
        tree: &tree,
        repo: &workspace.spec.repo,
        base: workspace.spec.base.as_deref(),
        grant: login.as_ref(),
        signing_key: workspace.signing_key(),
    };
    workspace.git.rebase(&wanted).await.map_err(|error| error.problem())
}

/// From here on the tree is measured against where the base is now; and what
/// leaves is looked through like any work.
async fn settle(workspace: &Workspace, rebased: Rebased) -> Result<Report, Problem> {
    let Rebased { base, onto, commit } = rebased;
    steps::note_base(workspace, &onto)?;
    pushing::note_base_branch(workspace, &base)?;
    let mut journal = Vec::new();
    let commit = steps::may_leave(workspace, commit, &mut journal).await?;
    let looker = steps::looker(workspace, onto.clone()).await?;
    journal.push(Event::Rebased { base, onto, commit: commit.clone() });
    let mut report = Report::of(RunEvent::Rebased { commit: Some(commit) }).after(journal);
    report.looker = Some(looker);
    Ok(report)
}
