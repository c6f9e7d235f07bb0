//! One issue, read and made a task of.

use super::{Failure, Intake, tell};
use crate::attachments;
use crate::commands::check_task;
use crate::core::{CoreHandle, IntakeWish, dressed, new_task};
use pilot_forge::{Comment, Forge as ForgeApi, Issue, Repository, Subject, image_links, ticket};
use pilot_lifecycle::intake::unheard;
use pilot_proto::console::{NewAttachment, NewTask};
use pilot_proto::intake::{Ticket, TicketCause};
use pilot_proto::task::Attachment;
use pilot_proto::{Code, Problem, Project};
use std::collections::BTreeMap;
use url::Url;

/// Pictures of one issue: half of what a task may have attached.
const MAX_PICTURES: usize = 10;

impl Intake {
    /// Does what a ticket wants: reads comments, or files a task.
    pub(super) async fn ticket(
        &self,
        core: &CoreHandle,
        api: &dyn ForgeApi,
        project: &Project,
        ticket: &Ticket,
    ) -> Result<(), Failure> {
        let repository = api.repository(&project.repo)?;
        if ticket.cause == TicketCause::Comments {
            return self.read_comments(core, api, &repository, ticket).await;
        }
        if api.look(&repository).await?.archived {
            let message =
                format!("The repository `{repository}` is archived: nothing can be pushed there.");
            let hint = "Unarchive it at the forge, then file the issue again.";
            return Err(Failure::Final(Problem::new(Code::Precondition, message).hint(hint)));
        }
        let issue = api.issue(&repository, ticket.number).await?;
        if !is_wanted(&issue, ticket)? {
            tell(core, IntakeWish::Drop(ticket.clone())).await;
            return Ok(());
        }
        let comments = if issue.comments == 0 {
            Vec::new()
        } else {
            api.comments(&repository, Subject::Issue(issue.number)).await?
        };
        let pictures = self.pictures(api, &repository, &issue, &comments).await;
        let new = task(ticket, &issue, &comments, pictures);
        check_task(&new).map_err(Failure::Final)?;
        let filed = core.intake(IntakeWish::File(ticket.clone(), Box::new(new))).await;
        filed.map_err(|problem| match problem.code {
            // The store takes nothing just now, or the hub is stopping.
            Code::DiskFull | Code::Internal => Failure::Passing(problem, None),
            _ => Failure::Final(problem),
        })
    }

    /// Which comments are commands, and of whom.
    async fn read_comments(
        &self,
        core: &CoreHandle,
        api: &dyn ForgeApi,
        repository: &Repository,
        ticket: &Ticket,
    ) -> Result<(), Failure> {
        let memory = self.memory(&ticket.project).await?;
        let comments = api.comments(repository, Subject::Issue(ticket.number)).await?;
        let said = comments
            .iter()
            .map(|one| (one.id, one.written.as_str(), one.author.as_str(), one.body.as_str()));
        let mut commands = unheard(&memory, ticket.number, said);
        let heard = commands.iter().map(|one| one.id).max();
        let mut may: BTreeMap<String, bool> = BTreeMap::new();
        for command in &commands {
            if !may.contains_key(&command.author) {
                let allowed = api.may_write(repository, &command.author).await;
                let allowed = allowed.map_err(|error| cannot_tell(error, repository))?;
                may.insert(command.author.clone(), allowed);
            }
        }
        commands.retain(|command| {
            let allowed = may.get(&command.author).copied().unwrap_or(false);
            if !allowed {
                let (author, issue) = (&command.author, &ticket.key);
                tracing::info!(author, issue, "a command of somebody who may not write");
            }
            allowed
        });
        tell(core, IntakeWish::Read { ticket: ticket.clone(), heard, commands }).await;
        Ok(())
    }

    /// The pictures that an issue and its comments show, kept as attachments,
    /// and how many were left out. One that cannot be had is no reason to be
    /// without a task.
    async fn pictures(
        &self,
        api: &dyn ForgeApi,
        repository: &Repository,
        issue: &Issue,
        comments: &[Comment],
    ) -> (Vec<Attachment>, usize) {
        let Ok(page) = Url::parse(&issue.url) else { return (Vec::new(), 0) };
        let texts = std::iter::once(&issue.body).chain(comments.iter().map(|one| &one.body));
        let mut links: Vec<Url> = Vec::new();
        for link in texts.flat_map(|text| image_links(&page, text)) {
            if !links.contains(&link) {
                links.push(link);
            }
        }
        let mut kept: Vec<Attachment> = Vec::new();
        for link in links.iter().take(MAX_PICTURES) {
            match self.picture(api, repository, issue.number, kept.len() + 1, link).await {
                Ok(picture) => kept.extend(picture),
                Err(problem) => {
                    tracing::info!(issue = issue.number, %problem, "a picture is left out");
                }
            }
        }
        let left_out = links.len() - kept.len();
        (kept, left_out)
    }

    async fn picture(
        &self,
        api: &dyn ForgeApi,
        repository: &Repository,
        issue: u64,
        count: usize,
        link: &Url,
    ) -> Result<Option<Attachment>, Problem> {
        let Some(bytes) = api.shown_file(repository, link).await? else { return Ok(None) };
        let Some(media_type) = attachments::picture(&bytes) else { return Ok(None) };
        if bytes.len() > NewAttachment::MAX_BYTES {
            return Ok(None);
        }
        let ending = media_type.trim_start_matches("image/");
        let name = format!("issue-{issue}-{count}.{ending}");
        attachments::keep(self.blobs.clone(), name, media_type.to_owned(), bytes).await.map(Some)
    }
}

/// False where what made somebody want it is not so any more.
fn is_wanted(issue: &Issue, ticket: &Ticket) -> Result<bool, Failure> {
    if issue.is_pull_request {
        let message = format!("`#{}` is a pull request and no issue.", issue.number);
        return Err(Failure::Final(Problem::new(Code::Precondition, message)));
    }
    Ok(match &ticket.cause {
        TicketCause::Label { label } => {
            issue.open && issue.labels.iter().any(|own| own.eq_ignore_ascii_case(label))
        }
        TicketCause::Comment { .. } => issue.open,
        TicketCause::Person { .. } => true,
        TicketCause::Comments | TicketCause::Unknown => false,
    })
}

fn task(
    ticket: &Ticket,
    issue: &Issue,
    comments: &[Comment],
    (attachments, left_out): (Vec<Attachment>, usize),
) -> NewTask {
    let mut wishes = Vec::new();
    if let Some(text) = &ticket.how.text {
        wishes.push(("Whoever set this up".to_owned(), text.clone()));
    }
    if let TicketCause::Comment { author, text, .. } = &ticket.cause {
        wishes.push((format!("`{author}`, who may write to this repository,"), text.clone()));
    }
    let pictures: Vec<String> = attachments.iter().map(|one| one.name.clone()).collect();
    let told = ticket::Told { issue, comments, pictures: &pictures, left_out, wishes: &wishes };
    let new = NewTask {
        title: Some(ticket::title(issue)),
        issue: Some(issue.number),
        attachments,
        ..new_task(ticket.project.clone(), told.prompt())
    };
    dressed(new, &ticket.how)
}

/// A forge that does not say who may write lets nobody command.
fn cannot_tell(error: pilot_forge::ForgeError, repository: &Repository) -> Failure {
    match Failure::from(error) {
        Failure::Final(problem) => {
            let message =
                format!("Who may write to `{repository}` cannot be asked: {}", problem.message);
            let hint = "Let the token be of an administrator of the repository, or use labels.";
            Failure::Final(Problem::new(problem.code, message).hint(hint))
        }
        other @ (Failure::Passing(..) | Failure::Login(_)) => other,
    }
}
