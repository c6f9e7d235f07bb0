//! The run's main line apart from the agent: what follows on each step.

use super::judge::{Evidence, judge};
use super::machine::{Doing, Retried, RunMachine};
use super::words::{Bundle, RunEffect, Step};
use crate::takeover::TakeoverEvent;
use pilot_proto::event::Event;
use pilot_proto::run::{Outcome, Phase};
use pilot_proto::{Problem, Timestamp};
use std::time::Duration;

/// How often a rescue, or a look at the remote, is tried before the tree is
/// left where it is, or the question left open: a full disk may be emptied and
/// a network mended by a person, but not by waiting for ever.
const TRIES: u32 = 3;
/// Between two tries.
const PAUSE: Duration = Duration::from_secs(60);

impl RunMachine {
    pub(super) fn start(&mut self, now: Timestamp) {
        if let Some(past) = self.past.take() {
            self.start_recovery(now, past);
            return;
        }
        // Journalled although it is the initial phase: it tells that the run began.
        self.journal(Event::Phase { phase: Phase::Preparing });
        self.begin(now, Step::Workspace, RunEffect::MakeWorkspace);
    }

    fn start_recovery(&mut self, now: Timestamp, past: super::Past) {
        if past.finished {
            self.doing = Doing::Over;
            self.out.push(RunEffect::Done);
            return;
        }
        self.journal(Event::Phase { phase: Phase::Cleaning });
        for item in &past.open {
            self.journal(Event::Withdrawn { item: *item });
        }
        if past.cleaned {
            self.finish();
            return;
        }
        self.past = Some(past);
        self.begin(now, Step::Kill, RunEffect::Kill);
    }

    pub(super) fn killed(&mut self, now: Timestamp, tree: bool) {
        if !self.is_doing(Step::Kill) {
            return;
        }
        let Some(past) = self.past.take() else { return };
        self.tree = tree && !past.rescued;
        match past.wanted {
            Some((_, commit)) if past.maybe_pushed && past.landed.is_none() => {
                self.pushing = Some(commit);
                self.ask_remote(now);
            }
            Some(_) | None => self.clean(now),
        }
    }

    pub(super) fn workspace_made(&mut self, now: Timestamp) {
        if !self.is_doing(Step::Workspace) {
            return;
        }
        if self.ending.is_some() {
            return self.clean(now);
        }
        self.enter(Phase::Cloning);
        self.begin(now, Step::Clone, RunEffect::Clone);
    }

    pub(super) fn cloned(&mut self, now: Timestamp) {
        if !self.is_doing(Step::Clone) {
            return;
        }
        self.tree = true;
        if self.ending.is_none() && self.spec.outgoing.as_ref().is_some_and(|one| one.rebase) {
            return self.begin(now, Step::Rebase, RunEffect::Rebase);
        }
        self.setup_until = now.after(Duration::from_secs(self.spec.limits.setup_secs));
        self.set_up(now, 0);
    }

    /// Whether it was clean or not, nobody else works in this run.
    pub(super) fn rebased(&mut self, now: Timestamp, commit: Option<String>) {
        if !self.is_doing(Step::Rebase) {
            return;
        }
        if commit.is_none() {
            self.ending.get_or_insert(Outcome::NoChange);
        }
        self.rebased = commit;
        self.collect(now);
    }

    pub(super) fn setup_done(&mut self, now: Timestamp, step: usize) {
        if self.is_doing(Step::Setup) {
            self.set_up(now, step + 1);
        }
    }

    fn set_up(&mut self, now: Timestamp, step: usize) {
        if self.ending.is_some() {
            self.collect(now);
        } else if step < self.spec.setup.len() {
            self.enter(Phase::SettingUp);
            self.begin(now, Step::Setup, RunEffect::Setup { step });
        } else {
            self.start_agent(now);
        }
    }

    /// Takes the last snapshot; commits if the work is to be published.
    pub(super) fn collect(&mut self, now: Timestamp) {
        self.drop_follow_ups();
        self.screen(now, TakeoverEvent::RunOver);
        self.enter(Phase::Collecting);
        let commit = self.ending.is_none() && self.rebased.is_none();
        self.begin(now, Step::Collect, RunEffect::Collect { commit });
    }

    pub(super) fn collected(&mut self, now: Timestamp, commit: Option<String>) {
        if !self.is_doing(Step::Collect) {
            return;
        }
        let rebased = self.rebased.take();
        if self.ending.is_none() && rebased.is_none() {
            self.ending = judge(Evidence {
                end: self.agent.last_end,
                problem: self.agent.last_problem.clone(),
                denials: self.agent.denials(),
                changed: commit.is_some(),
            });
        }
        match (&self.ending, rebased.or(commit)) {
            (None, Some(commit)) => self.want_push(commit),
            (Some(_), _) | (None, None) => self.clean(now),
        }
    }

    fn want_push(&mut self, commit: String) {
        self.enter(Phase::Pushing);
        self.journal(Event::PushWanted {
            fence: self.spec.fence,
            branch: self.spec.branch.clone(),
            commit: commit.clone(),
            summary: self.agent.summary(),
        });
        self.doing = Doing::AwaitingPermit { commit };
    }

    /// The hub has permitted the push of `commit`.
    pub(super) fn push(&mut self, now: Timestamp, commit: String) {
        self.pushing = Some(commit.clone());
        let (branch, expected) = (self.spec.branch.clone(), self.spec.pushed.clone());
        self.begin(now, Step::Push, RunEffect::Push { branch, commit, expected });
    }

    pub(super) fn pushed(&mut self, now: Timestamp, commit: String) {
        if self.is_doing(Step::Push) {
            self.land(commit);
            self.clean(now);
        }
    }

    fn land(&mut self, commit: String) {
        self.journal(Event::Pushed { branch: self.spec.branch.clone(), commit: commit.clone() });
        self.landed = Some(commit);
    }

    pub(super) fn read_back(&mut self, now: Timestamp, landed: bool) {
        if !self.is_doing(Step::ReadBack) {
            return;
        }
        if let (true, Some(commit)) = (landed, self.pushing.take()) {
            self.land(commit);
        }
        self.clean(now);
    }

    /// The beginning of the end of every path.
    pub(super) fn clean(&mut self, now: Timestamp) {
        self.drop_follow_ups();
        self.screen(now, TakeoverEvent::RunOver);
        self.enter(Phase::Cleaning);
        if self.tree { self.rescue(now) } else { self.wipe(now, false) }
    }

    fn rescue(&mut self, now: Timestamp) {
        self.tries = 0;
        self.try_again(now, Retried::Rescue);
    }

    fn ask_remote(&mut self, now: Timestamp) {
        self.tries = 0;
        self.try_again(now, Retried::ReadBack);
    }

    pub(super) fn try_again(&mut self, now: Timestamp, step: Retried) {
        self.tries += 1;
        match (step, self.pushing.clone()) {
            (Retried::Rescue, _) => {
                let published = self.landed.clone();
                self.begin(now, Step::Rescue, RunEffect::Rescue { published });
            }
            (Retried::ReadBack, Some(commit)) => {
                let branch = self.spec.branch.clone();
                self.begin(now, Step::ReadBack, RunEffect::ReadBack { branch, commit });
            }
            (Retried::ReadBack, None) => self.clean(now),
        }
    }

    pub(super) fn rescued(&mut self, now: Timestamp, bundle: Option<Bundle>) {
        if !self.is_doing(Step::Rescue) {
            return;
        }
        if let Some(Bundle { id, size, reference }) = bundle {
            self.journal(Event::Rescued { bundle: id, size, reference });
        }
        self.wipe(now, false);
    }

    fn wipe(&mut self, now: Timestamp, keep_tree: bool) {
        self.begin(now, Step::Wipe, RunEffect::Wipe { keep_tree });
    }

    pub(super) fn wiped(&mut self, left: Vec<String>) {
        if self.is_doing(Step::Wipe) {
            self.journal(Event::Cleaned { left });
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.enter(Phase::Finished);
        let outcome = self.verdict();
        self.journal(Event::Finished(outcome));
        self.out.push(RunEffect::Done);
        self.doing = Doing::Over;
    }

    pub(super) fn step_failed(&mut self, now: Timestamp, step: Step, problem: Problem) {
        if step == Step::Agent && self.doing == Doing::Agent {
            return self.agent_not_started(now, problem);
        }
        // A step that was given up may still report; nobody waits for it.
        let Doing::Step { step: current, aborted, .. } = self.doing else { return };
        if current != step {
            return;
        }
        let message = problem.message.clone();
        if matches!(
            step,
            Step::Workspace | Step::Clone | Step::Rebase | Step::Setup | Step::Collect | Step::Push
        ) {
            self.ending.get_or_insert(Outcome::Failed { problem });
        }
        match step {
            Step::Workspace | Step::Clone | Step::Rebase | Step::Collect => self.clean(now),
            Step::Setup => self.collect(now),
            // What an aborted push came to, only the remote knows.
            Step::Push if aborted => self.ask_remote(now),
            Step::Push => self.clean(now),
            Step::ReadBack if self.tries < TRIES => self.pause(now, Retried::ReadBack),
            Step::ReadBack => self.leave_open(now),
            Step::Rescue if self.tries < TRIES => self.pause(now, Retried::Rescue),
            // Work that is nowhere else is not wiped: it is named instead.
            Step::Rescue => self.wipe(now, true),
            Step::Wipe => self.wiped(vec![message]),
            // The wipe kills once more, and rescuing beside a live process is
            // better than not at all.
            Step::Kill => self.killed(now, true),
            Step::Agent | Step::Review => {}
        }
    }

    fn pause(&mut self, now: Timestamp, step: Retried) {
        self.doing = Doing::Again { step, at: now.after(PAUSE) };
    }

    /// The run ends without knowing whether its push landed, and says so.
    fn leave_open(&mut self, now: Timestamp) {
        if let Some(Outcome::Failed { problem }) = &mut self.ending {
            "Its push had begun and the remote cannot be asked: look whether the branch holds the work."
                .clone_into(&mut problem.hint);
        }
        self.clean(now);
    }

    fn begin(&mut self, now: Timestamp, step: Step, effect: RunEffect) {
        let until = self.patience(now, step);
        self.doing = Doing::Step { step, until, aborted: false };
        self.out.push(effect);
    }

    fn is_doing(&self, wanted: Step) -> bool {
        matches!(self.doing, Doing::Step { step, .. } if step == wanted)
    }
}
