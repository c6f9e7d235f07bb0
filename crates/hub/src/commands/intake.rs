//! Browsing a project's issues, making tasks of them, and what makes them tasks
//! by itself.

use super::{MAX_LINE, check_name, check_word, invalid};
use crate::clock;
use crate::core::IntakeWish;
use crate::dispatch::Answers;
use crate::forges::Place;
use crate::gate::Principal;
use crate::hub::Parts;
use crate::intake::first_look;
use pilot_forge::{Issue, IssueFilter};
use pilot_proto::console::{
    FileIssues, IntakeList, IntakeRemove, IntakeSet, IssueFile, IssueFiled, IssueList, IssueQuery,
    IssueSeen, Named, Nothing, OneTicket, TicketDrop, TicketList,
};
use pilot_proto::intake::{IntakePolicy, IntakeSeen, IssueTask, Ticket, TriggerWay};
use pilot_proto::{Code, Problem, Secret, Task};
use std::collections::{BTreeMap, BTreeSet};

/// Issues listed for somebody who says no number.
const LISTED: u32 = 200;

impl Answers<IssueList> for Parts {
    async fn answer(&self, _who: &Principal, query: IssueQuery) -> Result<Vec<IssueSeen>, Problem> {
        let place = self.place(&query.name).await?;
        let words = query.labels.unwrap_or_default();
        let words = words.split(',').map(str::trim).filter(|label| !label.is_empty());
        let filter = IssueFilter {
            closed_too: query.all.unwrap_or(false),
            labels: words.map(str::to_owned).collect(),
            milestone: query.milestone,
            assignee: query.assignee,
            text: query.search,
            since: None,
            most: query.limit.unwrap_or(LISTED).min(IssueQuery::MAX_LIMIT) as usize,
        };
        let issues = place.api.issues(&place.repository, &filter).await?;
        let failed = |error: pilot_store::StoreError| error.problem();
        let mut tasks: BTreeMap<u64, Task> = BTreeMap::new();
        for task in self.store.tasks_of_issues(&query.name).await.map_err(failed)? {
            if let Some(issue) = task.issue {
                // The newest comes first.
                tasks.entry(issue).or_insert(task);
            }
        }
        let tickets = self.store.tickets().await.map_err(failed)?.into_iter();
        let waits = tickets.filter(|one| one.project == query.name && one.problem.is_none());
        let waits: BTreeSet<u64> = waits.map(|ticket| ticket.number).collect();
        Ok(issues.into_iter().map(|issue| seen(issue, &tasks, &waits)).collect())
    }
}

fn seen(issue: Issue, tasks: &BTreeMap<u64, Task>, waits: &BTreeSet<u64>) -> IssueSeen {
    let task = tasks.get(&issue.number);
    IssueSeen {
        number: issue.number,
        title: issue.title,
        url: issue.url,
        open: issue.open,
        author: issue.author,
        labels: issue.labels,
        assignees: issue.assignees,
        milestone: issue.milestone,
        comments: issue.comments,
        updated: issue.updated,
        task: task.map(|task| task.id),
        task_state: task.map(|task| task.state.name().to_owned()),
        waits: waits.contains(&issue.number),
    }
}

impl Answers<IssueFile> for Parts {
    async fn answer(
        &self,
        who: &Principal,
        wanted: FileIssues,
    ) -> Result<Vec<IssueFiled>, Problem> {
        if wanted.numbers.is_empty() {
            return Err(invalid("`numbers` is empty; nothing was filed.").hint("Name issues."));
        }
        if wanted.numbers.len() > FileIssues::MAX {
            let (most, count) = (FileIssues::MAX, wanted.numbers.len());
            let message = format!("`numbers`: {most} at most; these are {count}.");
            return Err(Problem::new(Code::TooLarge, message).hint("File them in several parts."));
        }
        check_how(&wanted.how)?;
        if let Some(batch) = &wanted.batch {
            super::tasks::check_batch(batch)?;
        }
        self.core.choose_issues(wanted, who.name.clone()).await
    }
}

impl Answers<TicketList> for Parts {
    async fn answer(&self, _who: &Principal, _: Nothing) -> Result<Vec<Ticket>, Problem> {
        self.store.tickets().await.map_err(|error| error.problem())
    }
}

impl Answers<TicketDrop> for Parts {
    async fn answer(&self, who: &Principal, one: OneTicket) -> Result<Nothing, Problem> {
        tracing::info!(who = who.name, ticket = one.key, "an issue is taken off");
        self.core.intake(IntakeWish::Dismiss(one.key)).await?;
        Ok(Nothing {})
    }
}

impl Answers<IntakeList> for Parts {
    async fn answer(&self, _who: &Principal, _: Nothing) -> Result<Vec<IntakeSeen>, Problem> {
        let all = self.store.intake_policies().await.map_err(|error| error.problem())?;
        Ok(all.into_iter().map(|policy| self.intake_seen(policy)).collect())
    }
}

impl Answers<IntakeSet> for Parts {
    async fn answer(&self, who: &Principal, policy: IntakePolicy) -> Result<IntakeSeen, Problem> {
        check(&policy)?;
        let place = self.place(&policy.project).await?;
        let seen = place.api.look(&place.repository).await?;
        if seen.archived {
            let message = format!("The repository `{}` is archived.", place.repository);
            return Err(Problem::new(Code::Precondition, message)
                .hint("Unarchive it at the forge first: nothing can be pushed there."));
        }
        let memory = first_look(&*place.api, &place.repository, &policy).await?;
        // The old one first: from here on its secret is good no more.
        self.remove_hook(&place).await?;
        // Also where no issue starts anything: it tells of pull requests as well.
        if policy.way == TriggerWay::Webhook {
            self.add_hook(&place).await?;
        }
        self.core.intake(IntakeWish::Set(policy.clone(), memory)).await?;
        tracing::info!(who = who.name, project = policy.project, ?policy, "its intake was set");
        Ok(self.intake_seen(policy))
    }
}

impl Answers<IntakeRemove> for Parts {
    async fn answer(&self, who: &Principal, named: Named) -> Result<Nothing, Problem> {
        self.core.intake(IntakeWish::Unset(named.name.clone())).await?;
        tracing::info!(who = who.name, project = named.name, "its intake was removed");
        // A forge that is away keeps a hook that nobody listens to any more.
        match self.place(&named.name).await {
            Ok(place) => match self.remove_hook(&place).await {
                Ok(()) => {}
                Err(problem) => {
                    tracing::warn!(%problem, "the webhook is still registered at the forge");
                    self.credentials.forget_hook(&named.name).await?;
                }
            },
            Err(_) => self.credentials.forget_hook(&named.name).await?,
        }
        Ok(Nothing {})
    }
}

impl Parts {
    fn hook_url(&self, forge: &str, project: &str) -> String {
        format!("{}/hooks/{forge}/{project}", self.page_url)
    }

    async fn add_hook(&self, place: &Place) -> Result<(), Problem> {
        let url = self.hook_url(&place.forge, &place.project.name);
        if is_loopback(&url) && !is_loopback(place.api.address().as_str()) {
            let message = "The forge cannot reach this hub: it listens on this machine alone.";
            return Err(Problem::new(Code::Precondition, message).hint(
                "Poll instead (`--poll`), or start the hub with a `--public-url` that the forge can reach.",
            ));
        }
        let secret =
            clock::random_hex().map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
        // The secret first: a hook whose secret nobody knows would only be refused.
        self.credentials.keep_hook(&place.project.name, &Secret::new(secret.as_str())).await?;
        place.api.add_hook(&place.repository, &url, &secret).await?;
        Ok(())
    }

    /// Takes ours away at the forge, however many there are, and its secret here.
    async fn remove_hook(&self, place: &Place) -> Result<(), Problem> {
        if self.credentials.hook_secret(&place.project.name).is_none() {
            return Ok(());
        }
        let url = self.hook_url(&place.forge, &place.project.name);
        for hook in place.api.hooks(&place.repository).await? {
            if hook.url == url {
                place.api.remove_hook(&place.repository, hook.id).await?;
            }
        }
        self.credentials.forget_hook(&place.project.name).await
    }

    fn intake_seen(&self, policy: IntakePolicy) -> IntakeSeen {
        let look = self.intake.look_of(&policy.project);
        let hooked = policy.way == TriggerWay::Webhook
            && self.credentials.hook_secret(&policy.project).is_some();
        IntakeSeen {
            webhook: hooked,
            looked_at: look.as_ref().map(|look| look.at),
            problem: look.and_then(|look| look.problem),
            policy,
        }
    }
}

fn check(policy: &IntakePolicy) -> Result<(), Problem> {
    check_name("project", &policy.project)?;
    check_label("label", policy.label.as_deref())?;
    check_label("status.label", policy.status.label.as_deref())?;
    if policy.poll_secs < IntakePolicy::MIN_POLL_SECS {
        let least = IntakePolicy::MIN_POLL_SECS;
        return Err(invalid(format!("`poll_secs` is to be at least {least}.")));
    }
    check_how(&policy.how)
}

fn check_label(field: &str, label: Option<&str>) -> Result<(), Problem> {
    let Some(label) = label else { return Ok(()) };
    let strange = label.trim() != label || label.is_empty() || label.len() > 255;
    if strange || label.contains(',') || label.chars().any(char::is_control) {
        return Err(invalid(format!("`{field}`: `{}` is no label.", super::shown(label)))
            .hint("Give its name as the forge shows it; one with a comma cannot be asked for."));
    }
    Ok(())
}

fn check_how(how: &IssueTask) -> Result<(), Problem> {
    how.agent.as_ref().map_or(Ok(()), |agent| check_word("how.agent", agent))?;
    how.model.as_ref().map_or(Ok(()), |model| check_word("how.model", model))?;
    how.profile.as_ref().map_or(Ok(()), |name| check_name("how.profile", name))?;
    let text = how.text.as_deref().unwrap_or_default();
    if text.len() > 16 * MAX_LINE || text.contains('\0') {
        let most = 16 * MAX_LINE;
        return Err(invalid(format!(
            "`how.text` is longer than {most} bytes or holds a NUL character."
        )));
    }
    Ok(())
}

fn is_loopback(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    })
}
