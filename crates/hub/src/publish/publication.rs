//! A pull request that is to exist, and everything said with it.

use super::{Failure, Publisher, unless_refused};
use crate::core::PullRequestNews;
use crate::reads::tests_of;
use pilot_forge::{Body, Forge as ForgeApi, Repository, Subject, Wanted, neutral};
use pilot_proto::console::TestRun;
use pilot_proto::pull_request::{PullRequestPolicy, PushWay};
use pilot_proto::task::PullRequest;
use pilot_proto::{Forge, Problem, Project, RunId, Task, TaskId};

/// Of what an agent says in answer to a comment: a reviewer reads many.
const ANSWER: usize = 2000;

/// A pull request that is to exist.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    pub(super) task: TaskId,
    run: Option<RunId>,
    repo: String,
    forge: Forge,
    policy: PullRequestPolicy,
    base: Option<String>,
    title: String,
    issue: Option<u64>,
    /// The issue's page is kept up to date by whoever looks after issues: no
    /// second comment there.
    noted: bool,
    ran: Vec<String>,
    reservations: Vec<String>,
    branch: String,
    commit: String,
    summary: String,
    /// What it showed before.
    before: Option<PullRequest>,
    /// Names of what was said that this answers.
    answers: Vec<String>,
}

impl Publication {
    /// Of a task, as it stands.
    pub(crate) fn new(task: &Task, project: &Project, forge: &Forge) -> Self {
        let agent = match &task.model {
            Some(model) => format!("agent `{}` with model `{model}`", task.agent),
            None => format!("agent `{}`", task.agent),
        };
        let setup = project.setup.iter().map(|line| format!("setup: `{line}`"));
        Self {
            task: task.id,
            run: task.run,
            repo: project.repo.clone(),
            forge: forge.clone(),
            policy: project.pull_requests.clone(),
            base: task.base.clone().or_else(|| project.base.clone()),
            title: task.title.clone(),
            issue: task.issue,
            noted: false,
            ran: setup.chain([agent]).collect(),
            reservations: task.reservations.clone(),
            branch: String::new(),
            commit: String::new(),
            summary: String::new(),
            before: task.pull_request.clone(),
            answers: Vec::new(),
        }
    }

    /// What was pushed.
    pub(crate) fn wanting(self, branch: String, commit: String, summary: String) -> Self {
        Self { branch, commit, summary, ..self }
    }

    /// Of an issue whose page says where its task stands, if it does.
    pub(crate) fn noted(self, noted: bool) -> Self {
        Self { noted, ..self }
    }

    /// What was said that it answers.
    pub(crate) fn answering(self, answers: Vec<String>) -> Self {
        Self { answers, ..self }
    }
}

impl Publisher {
    /// Makes the pull request, or finds out why not.
    pub(super) async fn make(&self, publication: &Publication) -> PullRequestNews {
        match self.try_make(publication).await {
            Ok(pull_request) => PullRequestNews::Open(pull_request),
            Err(Failure { problem, passing: true }) => PullRequestNews::Delayed(problem),
            Err(Failure { problem, passing: false }) => {
                let message = format!(
                    "The branch `{}` is pushed, but the pull request could not be made: {}",
                    publication.branch, problem.message
                );
                let hint = format!(
                    "{} Then `pilot task publish` makes it, without another run.",
                    problem.hint
                );
                PullRequestNews::Failed(Problem { message, hint, ..problem })
            }
        }
    }

    async fn try_make(&self, publication: &Publication) -> Result<PullRequest, Failure> {
        let forge = self.forges.open(&publication.forge)?;
        let repository = forge.repository(&publication.repo)?;
        let base_branch = match &publication.base {
            Some(base) => base.clone(),
            None => forge.look(&repository).await?.default_branch,
        };
        let head_repository = match &publication.policy.push {
            PushWay::Fork { repo } => Some(forge.repository(repo)?),
            PushWay::Branch | PushWay::Agit => None,
        };
        // What a person wrote into a title or a setup step is in no run's hands.
        let title = self.redacted(&publication.title);
        let body = self.body(publication, &title).await?;
        let policy = &publication.policy;
        let wanted = Wanted {
            repository,
            head_repository,
            by_review: policy.push == PushWay::Agit,
            head_branch: publication.branch.clone(),
            head_commit: publication.commit.clone(),
            base_branch,
            body: self.redacted(&body),
            title,
            draft: policy.draft,
            labels: policy.labels.clone(),
            assignees: policy.assignees.clone(),
            reviewers: policy.reviewers.clone(),
        };
        let pull_request = forge.ensure_pull_request(&wanted).await?;
        self.tell_issue(&*forge, &wanted.repository, publication, &pull_request).await?;
        self.answer(&*forge, &wanted.repository, publication, pull_request.number).await?;
        Ok(pull_request)
    }

    /// Whoever follows the issue learns where the work is.
    async fn tell_issue(
        &self,
        forge: &dyn ForgeApi,
        repository: &Repository,
        publication: &Publication,
        pull_request: &PullRequest,
    ) -> Result<(), Failure> {
        let Some(issue) = publication.issue.filter(|_| !publication.noted) else { return Ok(()) };
        let mark = format!("pull-request-{}", publication.task);
        let text = format!(
            "A pull request for this is open: {}\n\nMade by Pilothouse: {}",
            pull_request.url,
            self.page_of(publication.task)
        );
        let told = forge.comment_once(repository, Subject::Issue(issue), &mark, &text).await;
        unless_refused("telling the issue", told.map(drop))
    }

    /// Whoever said something learns what came of it.
    async fn answer(
        &self,
        forge: &dyn ForgeApi,
        repository: &Repository,
        publication: &Publication,
        number: u64,
    ) -> Result<(), Failure> {
        if publication.answers.is_empty() {
            return Ok(());
        }
        let head = &publication.commit[..publication.commit.len().min(12)];
        let nothing_new =
            publication.before.as_ref().is_some_and(|one| one.head == publication.commit);
        let done = if nothing_new { "Nothing was changed.".into() } else { format!("See {head}.") };
        let end = publication.summary.floor_char_boundary(ANSWER);
        let said = neutral(self.redacted(publication.summary[..end].trim()).trim());
        let text = if said.is_empty() { done } else { format!("{done}\n\n{said}") };
        // Two turns may end at one commit, and each has its own answer.
        let run = publication.run.map(|run| run.short()).unwrap_or_default();
        let mark = format!("reply-{head}-{run}");
        let answered =
            forge.answer_feedback(repository, number, &publication.answers, &mark, &text).await;
        unless_refused("answering what was said", answered)
    }

    async fn body(&self, publication: &Publication, title: &str) -> Result<String, Failure> {
        let tests = match publication.run {
            Some(run) => tests_of(&self.store, run).await?,
            None => Vec::new(),
        };
        let tests: Vec<String> = tests.iter().map(told).collect();
        let body = Body {
            closes: publication.issue,
            task: &self.page_of(publication.task),
            ran: &publication.ran,
            tests: &tests,
            reservations: &publication.reservations,
            summary: &publication.summary,
            template: publication.policy.template.as_deref(),
        };
        Ok(body.text(title))
    }
}

/// A test with its outcome, as a line.
fn told(test: &TestRun) -> String {
    let outcome = match test.ok {
        Some(true) => "passed",
        Some(false) => "failed",
        None => "did not end",
    };
    let said = if test.said.is_empty() { String::new() } else { format!(" ({})", test.said) };
    format!("`{}`: {outcome}{said}", test.command)
}
