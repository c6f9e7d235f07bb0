//! Filing and steering tasks, and answering what they ask.

use super::{MAX_LINE, check_branch, check_name, check_word, invalid, shown};
use crate::core::Steer;
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_lifecycle::Assignment;
use pilot_proto::console::{
    AnswerItem, InboxAnswer, NewBatch, NewTask, NewTasks, OneTask, Reassign, Resume, RetryFrom,
    Role, Say, Stop, TaskAgain, TaskDismiss, TaskDone, TaskInterrupt, TaskKeep, TaskKill, TaskNew,
    TaskNewMany, TaskPublish, TaskReassign, TaskResume, TaskRetry, TaskSay, TaskStop, TaskUnsay,
    Unsay,
};
use pilot_proto::task::{Attachment, Limits, ReviewPass};
use pilot_proto::{Answer, Code, InboxItem, Problem, Task};

/// Tasks filed at once.
const MAX_TASKS: usize = 1000;
/// Files for one task.
const MAX_ATTACHMENTS: usize = 20;
/// What file systems take.
const MAX_FILE_NAME: usize = 255;

impl Answers<TaskNew> for Parts {
    async fn answer(&self, _who: &Principal, new: NewTask) -> Result<Task, Problem> {
        check(&new)?;
        self.check_attachments(std::slice::from_ref(&new)).await?;
        let mut tasks = self.core.file(vec![new], None).await?;
        tasks.pop().ok_or_else(|| Problem::new(Code::Internal, "The task was not filed."))
    }
}

impl Answers<TaskNewMany> for Parts {
    async fn answer(&self, _who: &Principal, new: NewTasks) -> Result<Vec<Task>, Problem> {
        if new.tasks.len() > MAX_TASKS {
            let message = format!("`tasks`: {MAX_TASKS} at most; these are {}.", new.tasks.len());
            return Err(Problem::new(Code::TooLarge, message).hint("File them in several parts."));
        }
        for (at, task) in new.tasks.iter().enumerate() {
            check(task).map_err(|problem| {
                let message = format!("Task {} of the list: {}", at + 1, problem.message);
                Problem { message, ..problem }
            })?;
        }
        self.check_attachments(&new.tasks).await?;
        if let Some(batch) = &new.batch {
            check_batch(batch)?;
        }
        self.core.file(new.tasks, new.batch).await
    }
}

impl Answers<TaskSay> for Parts {
    async fn answer(&self, _who: &Principal, say: Say) -> Result<Task, Problem> {
        check_text(&say.text)?;
        let steer = if say.now { Steer::Now(say.text) } else { Steer::Say(say.text) };
        self.core.steer(say.task, steer).await
    }
}

impl Answers<TaskUnsay> for Parts {
    async fn answer(&self, _who: &Principal, unsay: Unsay) -> Result<Task, Problem> {
        self.core.steer(unsay.task, Steer::Unsay(unsay.word)).await
    }
}

impl Answers<TaskKill> for Parts {
    async fn answer(&self, _who: &Principal, one: OneTask) -> Result<Task, Problem> {
        self.core.steer(one.task, Steer::Kill).await
    }
}

impl Answers<TaskInterrupt> for Parts {
    async fn answer(&self, _who: &Principal, one: OneTask) -> Result<Task, Problem> {
        self.core.steer(one.task, Steer::Interrupt).await
    }
}

impl Answers<TaskDone> for Parts {
    async fn answer(&self, _who: &Principal, one: OneTask) -> Result<Task, Problem> {
        self.core.steer(one.task, Steer::Done).await
    }
}

impl Answers<TaskStop> for Parts {
    async fn answer(&self, _who: &Principal, stop: Stop) -> Result<Task, Problem> {
        let keep_children = stop.keep_children.unwrap_or(false);
        self.core.steer(stop.task, Steer::Stop { keep_children }).await
    }
}

impl Answers<TaskAgain> for Parts {
    async fn answer(&self, _who: &Principal, one: OneTask) -> Result<Task, Problem> {
        self.core.steer(one.task, Steer::Again).await
    }
}

impl Answers<TaskRetry> for Parts {
    async fn answer(&self, _who: &Principal, retry: RetryFrom) -> Result<Task, Problem> {
        if let Some(prompt) = &retry.prompt {
            check_text(prompt)?;
        }
        let from = self.checkpoint(&retry).await?;
        self.core.steer(retry.task, Steer::Retry(Box::new(from))).await
    }
}

impl Answers<TaskResume> for Parts {
    async fn answer(&self, _who: &Principal, resume: Resume) -> Result<Task, Problem> {
        if let Some(text) = &resume.text {
            check_text(text)?;
        }
        self.core.steer(resume.task, Steer::Resume(resume.text)).await
    }
}

impl Answers<TaskReassign> for Parts {
    async fn answer(&self, _who: &Principal, wanted: Reassign) -> Result<Task, Problem> {
        let Reassign { task, runner, agent, model } = wanted;
        if runner.is_none() && agent.is_none() && model.is_none() {
            return Err(invalid("Nobody is named.").hint("Name a runner, an agent or a model."));
        }
        agent.as_ref().map_or(Ok(()), |agent| check_word("agent", agent))?;
        model.as_ref().map_or(Ok(()), |model| check_word("model", model))?;
        let to = Assignment { only_runner: runner, agent, model };
        self.core.steer(task, Steer::Reassign(to)).await
    }
}

impl Answers<TaskPublish> for Parts {
    async fn answer(&self, _who: &Principal, one: OneTask) -> Result<Task, Problem> {
        self.core.steer(one.task, Steer::Publish).await
    }
}

impl Answers<TaskKeep> for Parts {
    async fn answer(&self, _who: &Principal, one: OneTask) -> Result<Task, Problem> {
        self.core.keep(one.task).await
    }
}

impl Answers<TaskDismiss> for Parts {
    async fn answer(&self, _who: &Principal, one: OneTask) -> Result<Task, Problem> {
        self.core.steer(one.task, Steer::Dismiss).await
    }
}

impl Answers<InboxAnswer> for Parts {
    async fn answer(&self, who: &Principal, answer: AnswerItem) -> Result<InboxItem, Problem> {
        if let Answer::Allow { for_project: true, .. } | Answer::Never { .. } = answer.answer {
            who.require(Role::Admin).map_err(|problem| {
                problem.hint("Answer for this run, or have an admin decide for the project.")
            })?;
        }
        self.core.answer(answer.item, answer.answer, who.name.clone()).await
    }
}

impl Parts {
    /// What a task is given must be here when its run asks for it.
    async fn check_attachments(&self, tasks: &[NewTask]) -> Result<(), Problem> {
        let all = tasks.iter().flat_map(|new| new.attachments.iter().cloned());
        let all: Vec<Attachment> = all.collect();
        if all.is_empty() {
            return Ok(());
        }
        let blobs = self.blobs.clone();
        let missing = move || all.into_iter().find(|one| !blobs.has(&one.blob));
        let missing = tokio::task::spawn_blocking(missing).await;
        let missing = missing.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
        missing.map_or(Ok(()), |one| {
            let message = format!("`attachments`: the hub has no bytes of `{}`.", one.name);
            Err(Problem::new(Code::NotFound, message)
                .hint("Keep the file first; what is kept is named by its blob."))
        })
    }
}

pub(crate) fn check(new: &NewTask) -> Result<(), Problem> {
    if new.prompt.len() > NewTask::MAX_PROMPT {
        return Err(too_long("prompt", new.prompt.len()));
    }
    // Neither git nor a program's arguments can carry it.
    let said = [Some(&new.prompt), new.title.as_ref()];
    if said.into_iter().flatten().any(|text| text.contains('\0')) {
        return Err(invalid("`prompt` or `title` holds a NUL character."));
    }
    if new.title.as_ref().is_some_and(|title| title.len() > MAX_LINE) {
        return Err(invalid(format!("`title` is longer than {MAX_LINE} bytes.")));
    }
    if let Some(base) = &new.base {
        check_branch("base", base)?;
    }
    if let Some(agent) = &new.agent {
        check_word("agent", agent)?;
    }
    if let Some(model) = &new.model {
        check_word("model", model)?;
    }
    if new.attachments.len() > MAX_ATTACHMENTS {
        let count = new.attachments.len();
        return Err(invalid(format!(
            "`attachments`: {MAX_ATTACHMENTS} at most; these are {count}."
        )));
    }
    for (at, one) in new.attachments.iter().enumerate() {
        check_attachment(one, &new.attachments[..at])?;
    }
    if let Some(provider) = &new.provider {
        check_name("provider", provider)?;
    }
    if let Some(profile) = &new.profile {
        check_name("profile", profile)?;
    }
    new.review.as_ref().map_or(Ok(()), check_review)?;
    new.limits.as_ref().map_or(Ok(()), check_limits)
}

pub(crate) fn check_limits(limits: &Limits) -> Result<(), Problem> {
    if limits.agent_secs == 0 || limits.setup_secs == 0 {
        return Err(invalid("`limits`: `agent_secs` and `setup_secs` are to be at least 1."));
    }
    if limits.budget_micros == Some(0) {
        return Err(invalid("`limits`: a `budget_micros` of 0 lets no model be called.")
            .hint("Leave it out for no limit."));
    }
    Ok(())
}

/// Whether that agent is known, only the core can tell.
pub(crate) fn check_review(pass: &ReviewPass) -> Result<(), Problem> {
    check_word("review.agent", &pass.agent)?;
    pass.model.as_ref().map_or(Ok(()), |model| check_word("review.model", model))?;
    if !(1..=ReviewPass::MAX_ROUNDS).contains(&pass.rounds) {
        let most = ReviewPass::MAX_ROUNDS;
        return Err(invalid(format!("`review.rounds` is to be from 1 to {most}.")));
    }
    Ok(())
}

/// Its name becomes that of a file beside the workspace.
pub(crate) fn check_attachment(one: &Attachment, before: &[Attachment]) -> Result<(), Problem> {
    let name = &one.name;
    let is_name = !matches!(name.as_str(), "" | "." | "..")
        && name.len() <= MAX_FILE_NAME
        && !name.chars().any(|letter| letter == '/' || letter.is_control());
    if !is_name {
        return Err(invalid(format!("`attachments`: `{}` is no name of a file.", shown(name)))
            .hint("Leave out directories and control characters."));
    }
    if before.iter().any(|other| other.name == *name) {
        return Err(invalid(format!("`attachments`: there are two called `{name}`.")));
    }
    check_word("attachments.media_type", &one.media_type)
}

pub(super) fn check_batch(batch: &NewBatch) -> Result<(), Problem> {
    if batch.at_most == Some(0) {
        return Err(invalid("`batch.at_most` is to be at least 1.")
            .hint("Leave it out for as many as there are workers."));
    }
    if batch.name.len() > MAX_LINE || batch.name.contains('\0') {
        return Err(invalid(format!(
            "`batch.name` is longer than {MAX_LINE} bytes or holds a NUL character."
        )));
    }
    Ok(())
}

pub(crate) fn check_text(text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(invalid("`text` is empty."));
    }
    if text.len() > NewTask::MAX_PROMPT {
        return Err(too_long("text", text.len()));
    }
    if text.contains('\0') {
        return Err(invalid("`text` holds a NUL character."));
    }
    Ok(())
}

fn too_long(field: &str, bytes: usize) -> Problem {
    let most = NewTask::MAX_PROMPT;
    Problem::new(Code::TooLarge, format!("`{field}` has {bytes} bytes; {most} are the most."))
        .hint("Put long material into the repository and name it.")
}
