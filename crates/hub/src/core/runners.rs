//! Runners coming, staying and going, and the passing of time.

use super::Core;
use super::messages::{Connected, Granted, LinkEnd, News};
use super::turn::{Output, Turn};
use crate::clock;
use crate::live::Changed;
use crate::logins::Caller;
use pilot_lifecycle::{QueueEvent, TaskEvent};
use pilot_proto::console::{RunnerSeen, TryAgent};
use pilot_proto::runner::{About, Held, Known, Load, Refusal, ToRunner, Verdict};
use pilot_proto::{Code, Cursor, Problem, RunId, RunnerId, TaskId, Timestamp};
use pilot_store::{Change, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How often consoles hear how busy a runner is: it beats every ten seconds,
/// and one that beats faster must not fill every console's ring.
const LOAD_EVERY: Duration = Duration::from_secs(5);

impl Core {
    pub(crate) async fn hear(&mut self, turn: &mut Turn, news: &News) -> Result<(), StoreError> {
        match news {
            News::Connected(connected) => self.connected(turn, connected).await?,
            News::Disconnected { runner, link } => self.disconnected(turn, *runner, *link),
            News::Journal(journal) => self.hear_journal(turn, journal).await?,
            News::Beat { runner, link, runs, load } => {
                self.beat(turn, *runner, *link, runs);
                self.loaded(turn, *runner, *link, *load);
            }
            News::About { runner, link, about } => self.is_now(turn, *runner, *link, about),
            News::Taken { runner, link, run, fence } => {
                if self.is_its(*runner, *link, *run, *fence) {
                    self.taken(turn, *runner, *run, *fence);
                }
            }
            News::Declined { runner, link, run, fence, reason } => {
                if self.is_its(*runner, *link, *run, *fence) {
                    tracing::info!(%runner, %run, reason, "the runner declined a run");
                    self.declined(turn, *runner, *run, reason);
                }
            }
            News::LoginRenewed(forge) => self.grant_again(turn, forge),
            News::Freshened(permit) => turn.outputs.push(Output::Permitted(*permit)),
            News::Fetched(fetched) => self.fetched(turn, fetched),
            News::PullRequest { task, news } => self.pull_request(turn, *task, news).await?,
        }
        Ok(())
    }

    async fn connected(&mut self, turn: &mut Turn, new: &Connected) -> Result<(), StoreError> {
        let runner = new.runner;
        // It may have been revoked between its hello and now.
        let Some(enrolled) = self.board.runners.get_mut(&runner).filter(|one| !one.revoked) else {
            new.outlet.push(ToRunner::Refused(Refusal::Revoked));
            turn.outputs.push(Output::HangUp(runner));
            return Ok(());
        };
        enrolled.about = Some(new.about.clone());
        enrolled.seen_at = Some(turn.now);
        turn.changes.push(Change::PutRunner(enrolled.clone()));
        turn.runners.insert(runner);
        self.away.remove(&runner);
        let mut runs = Vec::new();
        for held in &new.held {
            runs.push(self.known(runner, held).await?);
        }
        let end = LinkEnd {
            link: new.link,
            outlet: Arc::clone(&new.outlet),
            about: new.about.clone(),
            held: new.held.iter().map(|held| (held.run, *held)).collect(),
            seen_at: turn.now,
            load: None,
            load_told: Timestamp::default(),
        };
        if let Some(old) = self.links.insert(runner, end)
            && old.link != new.link
        {
            tracing::info!(%runner, name = new.about.name, "a second connection replaces the first");
            old.outlet.hang_up();
        }
        turn.send(runner, ToRunner::Welcome { version: new.version, runs });
        self.assign_again(turn, runner);
        self.send_orders_again(turn, runner);
        self.online(turn, runner);
        self.touch_bound(turn, runner);
        Ok(())
    }

    /// How far we have a run that a runner holds, and what becomes of it.
    async fn known(&mut self, runner: RunnerId, held: &Held) -> Result<Known, StoreError> {
        let run = held.run;
        let here = self.board.summon_run(&self.reach.store, run).await?;
        let journal = self.board.runs.get(&run).filter(|one| here && one.runner == runner);
        let Some(journal) = journal else {
            tracing::warn!(%runner, %run, "the runner holds a run that we did not give it");
            return Ok(Known { run, acked: Cursor::default(), verdict: Verdict::Fenced });
        };
        let slot = self.board.tasks.get(&journal.task);
        let verdict = match slot.map_or(Verdict::Fenced, |slot| slot.machine.verdict(run)) {
            // Another lease's token: whatever it is, it may not push.
            Verdict::Keep if journal.fence != held.fence => Verdict::Fenced,
            verdict => verdict,
        };
        Ok(Known { run, acked: journal.end.cursor, verdict })
    }

    /// A runner that is there, as the queue and its tasks see it.
    pub(crate) fn online(&mut self, turn: &mut Turn, runner: RunnerId) {
        let Some(link) = self.links.get(&runner) else { return };
        let (about, held) = (link.about.clone(), link.held.values().copied().collect::<Vec<_>>());
        for task in self.tasks_at(runner) {
            self.feed_news(turn, task, TaskEvent::RunnerOnline);
        }
        self.ask_queue(turn, QueueEvent::Online { runner, about: &about, held: &held });
    }

    /// Assignments that nobody has said to have taken. One whose task was
    /// stopped meanwhile is not sent again: it never began.
    fn assign_again(&mut self, turn: &mut Turn, runner: RunnerId) {
        for run in self.board.runs_of(runner) {
            let Some(task) = self.board.runs.get(&run).map(|journal| journal.task) else {
                continue;
            };
            let lease = self.board.queue.lease(task);
            let untaken = lease.is_some_and(|lease| lease.run == run && !lease.taken);
            let held = self.links.get(&runner).is_some_and(|link| link.held.contains_key(&run));
            let slot = self.board.tasks.get(&task);
            match slot.map(|slot| slot.machine.is_current(run)) {
                Some(true) if untaken => {
                    if let Some(spec) = slot.and_then(|slot| self.spec(slot)) {
                        self.assign_sealed(turn, task, runner, &spec);
                    }
                }
                Some(false) if untaken && !held => {
                    self.declined(turn, runner, run, "its task no longer wants it");
                }
                Some(_) | None => {}
            }
        }
    }

    /// Tasks whose present run is at a runner.
    fn tasks_at(&self, runner: RunnerId) -> BTreeSet<TaskId> {
        let tasks = self.board.runs_of(runner).into_iter().filter_map(|run| {
            let task = self.board.runs.get(&run)?.task;
            let slot = self.board.tasks.get(&task)?;
            slot.machine.is_current(run).then_some(task)
        });
        tasks.collect()
    }

    fn disconnected(&mut self, turn: &mut Turn, runner: RunnerId, link: u64) {
        if self.links.get(&runner).is_none_or(|end| end.link != link) {
            return;
        }
        let Some(end) = self.links.remove(&runner) else { return };
        if let Some(enrolled) = self.board.runners.get_mut(&runner) {
            enrolled.seen_at = Some(end.seen_at);
            turn.changes.push(Change::PutRunner(enrolled.clone()));
        }
        self.away.insert(runner, turn.steady);
        turn.runners.insert(runner);
        self.touch_bound(turn, runner);
        self.ask_queue(turn, QueueEvent::Offline { runner });
    }

    fn beat(&mut self, turn: &mut Turn, runner: RunnerId, link: u64, runs: &[RunId]) {
        let Some(end) = self.links.get_mut(&runner).filter(|end| end.link == link) else { return };
        end.seen_at = turn.now;
        for run in runs {
            if let Some(journal) = self.board.runs.get(run).filter(|one| one.runner == runner) {
                end.held.entry(*run).or_insert_with(|| held(*run, journal.fence));
            }
        }
        self.reach.directory.saw(runner, turn.now);
        let runs: Vec<RunId> = (runs.iter().copied())
            .filter(|run| self.board.runs.get(run).is_some_and(|one| one.runner == runner))
            .collect();
        self.ask_queue(turn, QueueEvent::Beat { runner, runs: &runs });
        turn.send(runner, ToRunner::BeatHeard { at: turn.now });
    }

    /// How busy it is, is kept here and nowhere else; consoles hear of it now
    /// and then.
    fn loaded(&mut self, turn: &mut Turn, runner: RunnerId, link: u64, load: Option<Load>) {
        let Some(end) = self.links.get_mut(&runner).filter(|end| end.link == link) else { return };
        let (Some(load), first) = (load, end.load.is_none()) else { return };
        end.load = Some(load);
        if first || end.load_told.after(LOAD_EVERY) <= turn.steady {
            end.load_told = turn.steady;
            turn.runners.insert(runner);
        }
    }

    /// The runner looked at its machine again.
    fn is_now(&mut self, turn: &mut Turn, runner: RunnerId, link: u64, about: &About) {
        let Some(end) = self.links.get_mut(&runner).filter(|end| end.link == link) else { return };
        end.about = about.clone();
        end.seen_at = turn.now;
        let Some(enrolled) = self.board.runners.get_mut(&runner) else { return };
        enrolled.about = Some(about.clone());
        turn.changes.push(Change::PutRunner(enrolled.clone()));
        turn.runners.insert(runner);
        // It may have an agent now that a task waits for.
        self.online(turn, runner);
    }

    /// Has a runner look at its machine again; what it finds comes as `About`.
    pub(crate) fn look(&mut self, turn: &mut Turn, runner: RunnerId) -> Result<Granted, Problem> {
        let Some(enrolled) = self.board.runners.get(&runner) else {
            return Err(Problem::new(Code::NotFound, format!("There is no runner `{runner}`.")));
        };
        let name = &enrolled.name;
        match self.links.get(&runner).filter(|_| !enrolled.revoked) {
            None => Err(Problem::new(
                Code::Precondition,
                format!("The runner `{name}` is not connected."),
            )
            .hint("It looks by itself when it comes back.")),
            Some(_) => {
                turn.send(runner, ToRunner::Look);
                Ok(Granted::Done)
            }
        }
    }

    /// Has a runner start an agent; what comes of it comes as `About`.
    pub(crate) fn try_agent(
        &mut self,
        turn: &mut Turn,
        wanted: &TryAgent,
    ) -> Result<Granted, Problem> {
        let runner = wanted.runner;
        let Some(enrolled) = self.board.runners.get(&runner) else {
            return Err(Problem::new(Code::NotFound, format!("There is no runner `{runner}`.")));
        };
        let name = &enrolled.name;
        let Some(end) = self.links.get(&runner).filter(|_| !enrolled.revoked) else {
            let message = format!("The runner `{name}` is not connected.");
            return Err(Problem::new(Code::Precondition, message));
        };
        if !end.about.agents.iter().any(|agent| agent.name == wanted.agent) {
            let message = format!("`agent`: the runner `{name}` has no agent `{}`.", wanted.agent);
            return Err(Problem::new(Code::NotFound, message));
        }
        let caller = Caller {
            agent: &wanted.agent,
            provider: wanted.provider.as_deref(),
            model: wanted.model.as_deref(),
            remote_control: false,
        };
        let providers = self.board.providers.values();
        let provider = self.reach.granter.for_trial(caller, providers)?.map(Box::new);
        let (agent, model) = (wanted.agent.clone(), wanted.model.clone());
        turn.send(runner, ToRunner::Try { agent, model, provider });
        Ok(Granted::Done)
    }

    fn taken(&mut self, turn: &mut Turn, runner: RunnerId, run: RunId, fence: u64) {
        if let Some(end) = self.links.get_mut(&runner) {
            end.held.entry(run).or_insert_with(|| held(run, fence));
        }
        turn.runners.insert(runner);
        self.ask_queue(turn, QueueEvent::Taken { run });
        self.send_orders_of(turn, runner, run);
    }

    fn declined(&mut self, turn: &mut Turn, runner: RunnerId, run: RunId, reason: &str) {
        let Some(task) = self.board.runs.get(&run).map(|journal| journal.task) else { return };
        turn.runners.insert(runner);
        self.undo_orders(turn, task, run);
        // The lease first: the task may only be leased again once it is free.
        self.ask_queue(turn, QueueEvent::Declined { run });
        self.feed_news(turn, task, TaskEvent::Declined { run, reason: reason.to_owned() });
    }

    /// What a runner says of a run counts if the run is its own, and if it
    /// says so on its present connection.
    fn is_its(&self, runner: RunnerId, link: u64, run: RunId, fence: u64) -> bool {
        if self.links.get(&runner).is_none_or(|end| end.link != link) {
            return false;
        }
        let its = self.board.runs.get(&run);
        let right = its.is_some_and(|one| one.runner == runner && one.fence == fence);
        if !right {
            tracing::warn!(%runner, %run, fence, "the runner speaks of a run it does not have");
        }
        right
    }

    /// When something is due at the latest, by the steady clock.
    pub(crate) fn next_deadline(&self) -> Timestamp {
        let offline = self.reach.options.offline_after;
        let away = self.away.values().map(|since| since.after(offline)).min();
        let due = [self.board.queue.next_deadline(), away];
        due.into_iter().flatten().min().unwrap_or(self.next_review).min(self.next_review)
    }

    /// Whatever is due.
    pub(crate) fn pass_time(&mut self, turn: &mut Turn) {
        if self.board.queue.next_deadline().is_some_and(|due| due <= turn.steady) {
            self.ask_queue(turn, QueueEvent::Tick);
        }
        let offline_after = self.reach.options.offline_after;
        let gone: Vec<RunnerId> = (self.away.iter())
            .filter(|(_, since)| since.after(offline_after) <= turn.steady)
            .map(|(runner, _)| *runner)
            .collect();
        for runner in gone {
            self.away.remove(&runner);
            for task in self.tasks_at(runner) {
                self.feed_news(turn, task, TaskEvent::RunnerOffline);
            }
        }
        if self.next_review <= turn.steady {
            self.next_review = turn.steady.after(self.reach.options.review_poll);
            self.review();
        }
    }

    /// A runner as a console sees it.
    fn seen(&self, runner: RunnerId) -> Option<RunnerSeen> {
        let enrolled = self.board.runners.get(&runner)?;
        let link = self.links.get(&runner);
        let about = enrolled.about.clone().unwrap_or_else(|| About {
            name: enrolled.name.clone(),
            build: String::new(),
            platform: String::new(),
            workers: 0,
            draining: false,
            seal_key: None,
            agents: Vec::new(),
            checks: Vec::new(),
        });
        Some(RunnerSeen {
            id: runner,
            about,
            online: link.is_some() && !enrolled.revoked,
            seen_at: link.map(|link| link.seen_at).or(enrolled.seen_at),
            revoked: enrolled.revoked,
            runs: self.board.runs_of(runner),
            load: link.and_then(|link| link.load),
        })
    }

    pub(crate) fn show_runner(&mut self, runner: RunnerId) {
        let (Some(seen), Some(enrolled)) = (self.seen(runner), self.board.runners.get(&runner))
        else {
            return;
        };
        self.reach.directory.put(seen.clone(), enrolled.public_key.clone());
        self.reach.fanout.tell(Changed::Runner(Arc::new(seen)));
    }

    /// Everything that others read about runners, at the start.
    pub(crate) fn publish_directory(&mut self) {
        for runner in self.board.runners.keys().copied().collect::<Vec<_>>() {
            self.show_runner(runner);
        }
    }

    /// Brings what was under way back under way: leases, waiting tasks, pull
    /// requests; and, after trouble, the runners that are connected.
    pub(crate) async fn resume(&mut self) -> Result<(), StoreError> {
        let mut turn = Turn::new(clock::now(), self.steady());
        let leases: Vec<_> =
            self.board.tasks.values().filter_map(|slot| slot.machine.lease()).collect();
        for lease in leases {
            self.ask_queue(&mut turn, QueueEvent::Restored(lease));
        }
        for task in self.board.tasks.keys().copied().collect::<BTreeSet<_>>() {
            self.feed_news(&mut turn, task, TaskEvent::Begin);
        }
        for runner in self.links.keys().copied().collect::<BTreeSet<_>>() {
            self.online(&mut turn, runner);
        }
        self.commit(&mut turn).await?;
        self.let_go(turn, Vec::new());
        Ok(())
    }
}

/// A run that a runner has taken since its hello.
fn held(run: RunId, fence: u64) -> Held {
    Held { run, fence, end: Cursor::default(), finished: false }
}
