//! The queue itself: who waits in which line, and who is served next.

use super::leases::Leases;
use super::lines::{Lines, Needs, Waiting};
use super::runners::{Runner, freest, unfinished};
use super::words::{Lease, QueueEffect, QueueEvent, Terms};
use pilot_proto::runner::{About, Held};
use pilot_proto::{RunId, RunnerId, TaskId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The queue.
///
/// A grant costs the number of lines and runners, never of tasks.
#[derive(Debug, Clone)]
pub struct Queue {
    terms: Terms,
    runners: BTreeMap<RunnerId, Runner>,
    leases: Leases,
    waiting: BTreeMap<TaskId, Waiting>,
    /// Those of `waiting` that have no lease out.
    lines: Lines,
    out: Vec<QueueEffect>,
}

impl Queue {
    /// An empty queue.
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            runners: BTreeMap::new(),
            leases: Leases::default(),
            waiting: BTreeMap::new(),
            lines: Lines::default(),
            out: Vec::new(),
        }
    }

    /// Takes in what happened and says what has to be done.
    pub fn handle(&mut self, now: Timestamp, event: QueueEvent<'_>) -> Vec<QueueEffect> {
        self.take_in(now, event);
        self.expire(now);
        self.serve(now);
        std::mem::take(&mut self.out)
    }

    /// When to send [`QueueEvent::Tick`] at the latest.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let expiry = self.leases.first_end().map(|(until, _)| until);
        let rests = self.runners.values().filter_map(|runner| runner.rests_until);
        // A pause that is over matters to nobody; `serve` forgets it.
        expiry.into_iter().chain(rests).min()
    }

    /// The lease of a task, if one is out.
    pub fn lease(&self, task: TaskId) -> Option<&Lease> {
        self.leases.of(task)
    }

    /// How many tasks wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn take_in(&mut self, now: Timestamp, event: QueueEvent<'_>) {
        match event {
            QueueEvent::Wanted { task, run, fence, agent, only_runner, batch, created_at } => {
                let bound = batch.and_then(|batch| Some((batch.id, batch.at_most?)));
                let needs = Needs { agent, only_runner, bound };
                let batch = batch.map(|batch| batch.id);
                self.wanted(task, Waiting { run, fence, needs, batch, created_at });
            }
            QueueEvent::Withdrawn { task } => self.forget(task),
            QueueEvent::Restored(lease) => self.give(now, lease),
            QueueEvent::Online { runner, about, held } => self.online(now, runner, about, held),
            QueueEvent::Offline { runner } => {
                if let Some(runner) = self.runners.get_mut(&runner) {
                    runner.gone();
                }
            }
            QueueEvent::Beat { runner, runs } => {
                self.renew(now, runner, runs.iter().copied());
                self.holds(runner, runs.iter().copied());
            }
            QueueEvent::Taken { run } => self.taken(now, run),
            QueueEvent::Declined { run } => self.declined(now, run),
            QueueEvent::Released { run } => self.released(run),
            QueueEvent::Tick => {}
        }
    }

    fn wanted(&mut self, task: TaskId, waiting: Waiting) {
        self.forget(task);
        self.waiting.insert(task, waiting);
        self.line_up(task);
    }

    fn forget(&mut self, task: TaskId) {
        if let Some(waiting) = self.waiting.remove(&task) {
            self.lines.leave(task, &waiting);
        }
    }

    /// A waiting task may be served, unless an earlier run of it may still live.
    fn line_up(&mut self, task: TaskId) {
        if self.leases.of(task).is_some() {
            return;
        }
        if let Some(waiting) = self.waiting.get(&task) {
            self.lines.join(task, waiting);
        }
    }

    fn online(&mut self, now: Timestamp, id: RunnerId, about: &About, held: &[Held]) {
        self.runners.entry(id).or_default().hello(about);
        let held_runs: BTreeSet<RunId> = held.iter().map(|held| held.run).collect();
        for run in &held_runs {
            self.leases.take(*run, id);
        }
        let lost: Vec<Lease> = self
            .leases
            .of_runner(id)
            .filter(|lease| lease.taken && !held_runs.contains(&lease.run))
            .copied()
            .collect();
        for Lease { task, run, .. } in lost {
            self.end_lease(task);
            self.out.push(QueueEffect::Lost { task, run });
        }
        // Also those not taken: their assignment is sent again now, and the
        // runner counts its lease from when that arrives.
        let alive: Vec<RunId> = self.leases.of_runner(id).map(|lease| lease.run).collect();
        self.renew(now, id, alive.into_iter());
        self.holds(id, unfinished(held));
    }

    fn renew(&mut self, now: Timestamp, runner: RunnerId, runs: impl Iterator<Item = RunId>) {
        let until = self.lease_end(now);
        for run in runs {
            self.leases.renew(run, runner, until);
        }
    }

    fn holds(&mut self, id: RunnerId, unfinished: impl Iterator<Item = RunId>) {
        if let Some(runner) = self.runners.get_mut(&id) {
            runner.holds(unfinished, self.leases.of_runner(id).map(|lease| lease.run));
        }
    }

    fn lease_end(&self, now: Timestamp) -> Timestamp {
        now.after(self.terms.lease).after(self.terms.grace)
    }

    fn give(&mut self, now: Timestamp, lease: Lease) {
        let until = self.lease_end(now);
        self.runners.entry(lease.runner).or_default().occupy(lease.run);
        self.leases.give(lease, until);
        if let Some(waiting) = self.waiting.get(&lease.task) {
            self.lines.leave(lease.task, waiting);
        }
    }

    fn taken(&mut self, now: Timestamp, run: RunId) {
        let Some(runner) = self.leases.of_run(run).map(|lease| lease.runner) else { return };
        self.leases.take(run, runner);
        self.renew(now, runner, std::iter::once(run));
        if let Some(runner) = self.runners.get_mut(&runner) {
            runner.trust();
        }
    }

    fn declined(&mut self, now: Timestamp, run: RunId) {
        let Some(lease) = self.leases.of_run(run).copied() else { return };
        // What was declined once and taken when it was sent again is taken.
        if lease.taken {
            return;
        }
        self.end_lease(lease.task);
        if let Some(runner) = self.runners.get_mut(&lease.runner) {
            runner.declined(now);
        }
    }

    fn released(&mut self, run: RunId) {
        if let Some(task) = self.leases.of_run(run).map(|lease| lease.task) {
            self.end_lease(task);
        }
        // Also a run whose lease is long over leaves its worker only now.
        for runner in self.runners.values_mut() {
            runner.release(run);
        }
    }

    fn end_lease(&mut self, task: TaskId) {
        if let Some(lease) = self.leases.end(task) {
            if let Some(runner) = self.runners.get_mut(&lease.runner) {
                runner.release(lease.run);
            }
            self.line_up(task);
        }
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some((until, task)) = self.leases.first_end() {
            if now < until {
                return;
            }
            if let Some(Lease { run, .. }) = self.leases.of(task).copied() {
                self.end_lease(task);
                self.out.push(QueueEffect::Expire { task, run });
            }
        }
    }

    fn serve(&mut self, now: Timestamp) {
        for runner in self.runners.values_mut() {
            if runner.rests_until.is_some_and(|until| now >= until) {
                runner.rests_until = None;
            }
        }
        while let Some((task, runner)) = self.next_grant(now) {
            let Some(waiting) = self.waiting.get(&task) else { return };
            let Waiting { run, fence, batch, .. } = *waiting;
            self.forget(task);
            self.give(now, Lease { task, run, runner, fence, batch, taken: false });
            self.out.push(QueueEffect::Grant { task, run, runner, fence });
        }
    }

    /// The task that was filed first among those that some runner can take.
    fn next_grant(&self, now: Timestamp) -> Option<(TaskId, RunnerId)> {
        if !self.runners.values().any(|runner| runner.free(now) > 0) {
            return None;
        }
        self.lines
            .heads()
            .filter(|(needs, _)| self.has_room(needs))
            .filter_map(|(needs, place)| Some((place, freest(self.runners.iter(), needs, now)?)))
            .min_by_key(|(place, _)| **place)
            .map(|((_, task), runner)| (*task, runner))
    }

    fn has_room(&self, needs: &Needs) -> bool {
        needs.bound.is_none_or(|(batch, at_most)| self.leases.of_batch(batch) < at_most)
    }
}
