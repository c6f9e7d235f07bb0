//! Keeping the page of an issue up to date with its task.

use super::{Failure, Intake, tell};
use crate::core::{CoreHandle, IntakeWish};
use pilot_forge::{Forge as ForgeApi, Repository, Subject};
use pilot_proto::Project;
use pilot_proto::intake::{IssueNote, NoteKept};

/// Marks our comment, of which there is one on an issue whatever its tasks.
const MARK: &str = "status";

impl Intake {
    /// Brings the pages up to date that are not. What a forge refuses (a label
    /// that is not there) is said once and not tried again until it changes.
    pub(super) async fn notes(
        &self,
        core: &CoreHandle,
        api: &dyn ForgeApi,
        notes: Vec<(Project, NoteKept)>,
    ) -> Result<(), Failure> {
        for (project, kept) in notes {
            let repository = api.repository(&project.repo)?;
            match write(api, &repository, &kept).await {
                Ok(()) => {}
                Err(Failure::Final(problem)) => {
                    let issue = kept.number;
                    tracing::warn!(project = project.name, issue, %problem, "its page is not up to date");
                }
                Err(failure @ (Failure::Passing(..) | Failure::Login(_))) => return Err(failure),
            }
            tell(core, IntakeWish::Noted(kept)).await;
        }
        Ok(())
    }
}

async fn write(
    api: &dyn ForgeApi,
    repository: &Repository,
    kept: &NoteKept,
) -> Result<(), Failure> {
    let on = Subject::Issue(kept.number);
    let nothing = IssueNote::default();
    let before = kept.written.as_ref().unwrap_or(&nothing);
    if let Some(text) =
        kept.wanted.comment.as_ref().filter(|text| before.comment.as_ref() != Some(text))
    {
        api.comment_kept(repository, on, MARK, text).await?;
    }
    let has = |note: &IssueNote| note.label.clone().filter(|_| note.has_label);
    let (old, new) = (has(before), has(&kept.wanted));
    if old != new {
        let (old, new): (Vec<String>, Vec<String>) =
            (old.into_iter().collect(), new.into_iter().collect());
        api.label(repository, on, &new, &old).await?;
    }
    Ok(())
}
