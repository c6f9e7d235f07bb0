//! The runners, and whether each can take a task now.

use super::lines::Needs;
use pilot_proto::runner::{About, Held};
use pilot_proto::{RunId, RunnerId, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;

/// A runner that declined once is left alone this long; each further time
/// twice as long, so that one that always declines costs next to nothing.
const DECLINED: Duration = Duration::from_secs(5);
/// 5 s · 2^6 is five minutes: about the longest that a person who has mended
/// the runner should have to wait.
const MOST_DOUBLINGS: u32 = 6;

/// A runner as the queue sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct Runner {
    online: bool,
    draining: bool,
    workers: usize,
    agents: BTreeSet<String>,
    /// Leased runs and runs it says it holds: also one that was fenced uses a
    /// worker until it is cleaned away.
    busy: BTreeSet<RunId>,
    declines: u32,
    pub(super) rests_until: Option<Timestamp>,
}

impl Runner {
    pub(super) fn hello(&mut self, about: &About) {
        self.online = true;
        self.draining = about.draining;
        self.workers = usize::try_from(about.workers).unwrap_or(usize::MAX);
        self.agents = about
            .agents
            .iter()
            .filter(|agent| agent.problem.is_none())
            .map(|agent| agent.name.clone())
            .collect();
        // It may have been mended meanwhile.
        self.trust();
    }

    pub(super) fn gone(&mut self) {
        self.online = false;
    }

    /// It holds exactly these, beside what it was `leased`.
    pub(super) fn holds(
        &mut self,
        unfinished: impl Iterator<Item = RunId>,
        leased: impl Iterator<Item = RunId>,
    ) {
        self.busy = unfinished.chain(leased).collect();
    }

    pub(super) fn occupy(&mut self, run: RunId) {
        self.busy.insert(run);
    }

    pub(super) fn release(&mut self, run: RunId) {
        self.busy.remove(&run);
    }

    pub(super) fn trust(&mut self) {
        self.declines = 0;
        self.rests_until = None;
    }

    pub(super) fn declined(&mut self, now: Timestamp) {
        let pause = DECLINED * 2_u32.pow(self.declines.min(MOST_DOUBLINGS));
        self.declines = self.declines.saturating_add(1);
        self.rests_until = Some(now.after(pause));
    }

    /// Free workers, if it may be given anything now.
    pub(super) fn free(&self, now: Timestamp) -> usize {
        let rests = self.rests_until.is_some_and(|until| now < until);
        if self.online && !self.draining && !rests {
            self.workers.saturating_sub(self.busy.len())
        } else {
            0
        }
    }

    pub(super) fn has(&self, agent: &str) -> bool {
        self.agents.contains(agent)
    }
}

/// Runs that still need a worker.
pub(super) fn unfinished(held: &[Held]) -> impl Iterator<Item = RunId> {
    held.iter().filter(|held| !held.finished).map(|held| held.run)
}

/// The runner with the most free workers among those that can do what a task needs.
pub(super) fn freest<'a>(
    runners: impl Iterator<Item = (&'a RunnerId, &'a Runner)>,
    needs: &Needs,
    now: Timestamp,
) -> Option<RunnerId> {
    runners
        .filter(|(id, _)| needs.only_runner.is_none_or(|only| only == **id))
        .filter(|(_, runner)| runner.has(&needs.agent))
        .map(|(id, runner)| (runner.free(now), *id))
        .filter(|(free, _)| *free > 0)
        .max_by_key(|(free, id)| (*free, std::cmp::Reverse(*id)))
        .map(|(_, id)| id)
}
