//! The worker that turns issues into tasks: it reads what waits in the store,
//! asks the forges, and tells the core what it found.
//!
//! **Invariant:** it keeps nothing that a crash could lose. What is wanted
//! stands in the store until the commit that files its task takes it out.
//!
//! One forge is asked by one request at a time here, and not at all while it
//! has asked to be left alone, so that fifty issues at once are a queue and no
//! flood.

mod note;
mod poll;
mod read;

pub(crate) use poll::first_look;

use crate::blobs::Blobs;
use crate::core::{CoreHandle, IntakeWish};
use crate::error::with_causes;
use crate::forges::Forges;
use futures_util::{StreamExt, stream};
use pilot_forge::{Forge as ForgeApi, ForgeError};
use pilot_proto::intake::{IntakePolicy, NoteKept, Ticket, TriggerWay};
use pilot_proto::{Code, Forge, Problem, Project, Timestamp};
use pilot_store::{Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Forges asked at once.
const POOL: usize = 4;
/// Requests of a forge's limit that are left to those who publish.
const RESERVE: u64 = 100;
/// First wait before a forge that is away is asked again, and the longest.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// However long a forge asks to be left alone, it is looked at again then.
const LONGEST: Duration = Duration::from_secs(3600);
/// With nothing to do, how often the store is looked at all the same.
const IDLE: Duration = Duration::from_secs(60);

/// Reads issues that are to become tasks.
#[derive(Debug)]
pub(crate) struct Intake {
    store: Store,
    blobs: Blobs,
    forges: Arc<Forges>,
    changed: Notify,
    /// When each forge may be asked again, and how often it failed in a row.
    waits: Mutex<BTreeMap<String, (Instant, u32)>>,
    looks: Mutex<BTreeMap<String, Look>>,
}

/// How a project's forge was last looked at.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    due: Instant,
    /// When.
    pub(crate) at: Timestamp,
    /// Why it did not work.
    pub(crate) problem: Option<Problem>,
}

/// Why something at a forge came to nothing.
#[derive(Debug)]
enum Failure {
    /// It may work later; the forge asks to wait so long.
    Passing(Problem, Option<Duration>),
    /// It will not, and neither will anything else at this forge.
    Login(Problem),
    /// It will not.
    Final(Problem),
}

impl From<ForgeError> for Failure {
    fn from(error: ForgeError) -> Self {
        let wait = if let ForgeError::Busy { wait, .. } = &error { *wait } else { None };
        let passing = error.is_passing();
        let login = matches!(
            error,
            ForgeError::Unauthorized { .. } | ForgeError::Scopes { .. } | ForgeError::Login(_)
        );
        let problem = Problem::from(error);
        match (passing, login) {
            (true, _) => Self::Passing(problem, wait),
            (false, true) => Self::Login(problem),
            (false, false) => Self::Final(problem),
        }
    }
}

/// What there is to do at one forge.
struct Round {
    forge: Forge,
    tickets: Vec<(Project, Ticket)>,
    polls: Vec<(Project, IntakePolicy)>,
    notes: Vec<(Project, NoteKept)>,
}

impl Intake {
    pub(crate) fn new(store: Store, blobs: Blobs, forges: Arc<Forges>) -> Self {
        let (waits, looks) = (Mutex::default(), Mutex::default());
        Self { store, blobs, forges, changed: Notify::new(), waits, looks }
    }

    /// There is something new in the store.
    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }

    /// How a project's forge was last looked at.
    pub(crate) fn look_of(&self, project: &str) -> Option<Look> {
        self.looks().get(project).cloned()
    }

    /// Works until the hub stops.
    pub(crate) async fn run(self: Arc<Self>, core: CoreHandle, stop: CancellationToken) {
        loop {
            let next = tokio::select! {
                () = stop.cancelled() => break,
                next = self.pass(&core) => next,
            };
            let next = next.unwrap_or_else(|error| {
                tracing::warn!(error = with_causes(&error), "issues that wait cannot be read");
                Instant::now() + RETRY.0
            });
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.changed.notified() => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    /// Does what is due; says when something is due again.
    async fn pass(&self, core: &CoreHandle) -> Result<Instant, StoreError> {
        let rounds = self.rounds(core).await?;
        let all = stream::iter(rounds).map(|round| self.round(core, round));
        let next: Vec<Instant> = all.buffer_unordered(POOL).collect().await;
        Ok(next.into_iter().min().unwrap_or_else(|| Instant::now() + IDLE))
    }

    /// What there is to do, by forge.
    async fn rounds(&self, core: &CoreHandle) -> Result<Vec<Round>, StoreError> {
        let projects = self.store.projects().await?;
        let policies = self.store.intake_policies().await?;
        let mut tickets = self.store.tickets().await?;
        tickets.retain(|ticket| ticket.problem.is_none());
        let mut notes = self.store.issue_notes().await?;
        notes.retain(|note| note.written.as_ref() != Some(&note.wanted));
        let mut rounds = Vec::new();
        for forge in self.store.forges().await? {
            let own = projects.iter().filter(|one| one.forge.as_ref() == Some(&forge.name));
            let own: BTreeMap<&str, &Project> = own.map(|one| (one.name.as_str(), one)).collect();
            let project = |name: &str| own.get(name).map(|project| (*project).clone());
            let (its, rest): (Vec<Ticket>, Vec<Ticket>) =
                tickets.into_iter().partition(|ticket| own.contains_key(ticket.project.as_str()));
            tickets = rest;
            let tickets = its.into_iter();
            let polls = policies.iter().filter(|policy| policy.way == TriggerWay::Poll);
            let polls = polls.filter(|policy| policy.label.is_some() || policy.comments);
            let its_notes = notes.iter().cloned();
            rounds.push(Round {
                notes: its_notes.filter_map(|one| Some((project(&one.project)?, one))).collect(),
                tickets: tickets.filter_map(|one| Some((project(&one.project)?, one))).collect(),
                polls: polls
                    .filter_map(|one| Some((project(&one.project)?, one.clone())))
                    .collect(),
                forge,
            });
        }
        for stray in tickets {
            let message = format!("The project `{}` has no forge any more.", stray.project);
            tell(core, IntakeWish::Fail(stray, Problem::new(Code::Precondition, message))).await;
        }
        Ok(rounds)
    }

    /// Does what is due at one forge; says when something is due there again.
    async fn round(&self, core: &CoreHandle, round: Round) -> Instant {
        let idle = Instant::now() + IDLE;
        if round.tickets.is_empty() && round.polls.is_empty() && round.notes.is_empty() {
            return idle;
        }
        let name = round.forge.name.clone();
        let wait = self.waits().get(&name).map(|(until, _)| *until);
        if let Some(until) = wait.filter(|until| *until > Instant::now()) {
            return until;
        }
        let api = match self.forges.open(&round.forge) {
            Ok(api) => api,
            Err(problem) => {
                fail_all(core, round.tickets.into_iter(), &problem).await;
                return idle;
            }
        };
        let next = self.poll_all(core, &*api, round.polls).await;
        let next = match next {
            Ok(next) => next.min(idle),
            Err(until) => return self.later(&name, until),
        };
        if let Err(Failure::Passing(_, wait)) = self.notes(core, &*api, round.notes).await {
            return self.later(&name, wait);
        }
        let mut tickets = round.tickets.into_iter();
        while let Some((project, ticket)) = tickets.next() {
            match self.ticket(core, &*api, &project, &ticket).await {
                Ok(()) => {}
                Err(Failure::Passing(problem, wait)) => {
                    tracing::info!(forge = name, %problem, "issues wait for their forge");
                    return self.later(&name, wait);
                }
                Err(Failure::Login(problem)) => {
                    // The next would hear the same.
                    let rest = std::iter::once((project, ticket)).chain(tickets);
                    fail_all(core, rest, &problem).await;
                    return next;
                }
                Err(Failure::Final(problem)) => tell(core, IntakeWish::Fail(ticket, problem)).await,
            }
            if let Some(wait) = exhausted(&*api) {
                return self.later(&name, Some(wait));
            }
        }
        self.waits().remove(&name);
        next
    }

    /// Leaves a forge alone for a while.
    fn later(&self, forge: &str, asked: Option<Duration>) -> Instant {
        let mut waits = self.waits();
        let (until, tries) = waits.entry(forge.to_owned()).or_insert((Instant::now(), 0));
        let own = RETRY.0.saturating_mul(1 << (*tries).min(16)).min(RETRY.1);
        *tries += 1;
        *until = Instant::now() + asked.unwrap_or(own).max(own);
        *until
    }

    fn waits(&self) -> MutexGuard<'_, BTreeMap<String, (Instant, u32)>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn looks(&self) -> MutexGuard<'_, BTreeMap<String, Look>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to leave a forge alone whose limit is nearly used up.
fn exhausted(api: &dyn ForgeApi) -> Option<Duration> {
    let budget = api.budget()?;
    (budget.remaining < RESERVE).then(|| budget.renews_in.unwrap_or(RETRY.1).min(LONGEST))
}

async fn fail_all(
    core: &CoreHandle,
    tickets: impl Iterator<Item = (Project, Ticket)> + Send,
    problem: &Problem,
) {
    for (_, ticket) in tickets {
        tell(core, IntakeWish::Fail(ticket, problem.clone())).await;
    }
}

/// Tells the core. What it cannot take now is found again in the next pass.
async fn tell(core: &CoreHandle, wish: IntakeWish) {
    if let Err(problem) = core.intake(wish).await {
        tracing::warn!(%problem, "what was found of an issue is not noted yet");
    }
}
