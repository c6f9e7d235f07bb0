//! Every wait's end, and what happens then.

use super::agent::Stage;
use super::machine::{Doing, RunMachine};
use super::words::{RunEffect, Step};
use crate::takeover::TakeoverEvent;
use pilot_proto::event::{Activity, Event};
use pilot_proto::run::Outcome;
use pilot_proto::{Code, Problem, Timestamp};
use std::time::Duration;

/// Directories on a local disk; a network disk that hangs is given up.
const WORKSPACE: Duration = Duration::from_secs(300);
/// A cold clone of a very large repository over a thin line.
const CLONE: Duration = Duration::from_secs(2 * 3600);
/// Fetching what is new in the base, and picking a few hundred commits.
const REBASE: Duration = Duration::from_secs(1800);
/// Hashing and committing a tree with a build directory in it.
const COLLECT: Duration = Duration::from_secs(1800);
/// A large push over a thin line.
const PUSH: Duration = Duration::from_secs(1800);
/// One request to the remote.
const READ_BACK: Duration = Duration::from_secs(120);
/// Bundling and keeping what `COLLECT` has to hash.
const RESCUE: Duration = Duration::from_secs(1800);
/// Removing a tree of millions of files.
const WIPE: Duration = Duration::from_secs(1800);
/// Killing, until nothing is left.
const KILL: Duration = Duration::from_secs(60);
/// An aborted step's children die within seconds.
const ABORT: Duration = Duration::from_secs(60);
/// Hashing and bundling what a turn changed; the agent waits for it.
pub(super) const CHECKPOINT: Duration = Duration::from_secs(300);
/// Reading a large change and running its tests. A reviewer that needs longer
/// holds up work that is done.
pub(super) const REVIEW: Duration = Duration::from_secs(3600);
/// An agent whose input was closed saves its session and goes.
pub(super) const END_AGENT: Duration = Duration::from_secs(60);
/// The shim kills within seconds of being told to stop the agent.
pub(super) const STOP_AGENT: Duration = Duration::from_secs(60);

impl RunMachine {
    /// When to send [`super::RunEvent::Tick`] at the latest; none once it is over.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let lease = self.needs_lease().then_some(self.lease_until);
        let own = match &self.doing {
            Doing::Nothing | Doing::Over | Doing::AwaitingPermit { .. } => None,
            Doing::Step { until, .. }
            | Doing::Again { at: until, .. }
            | Doing::Review { until, .. } => Some(*until),
            Doing::Agent => self.agent_deadline(),
        };
        lease.into_iter().chain(own).chain(self.takeover.deadline()).min()
    }

    /// True while going on is only right as long as the lease is ours. A run
    /// that winds down may take its time: it does nothing that anybody else could.
    pub(super) fn needs_lease(&self) -> bool {
        self.ending.is_none()
            && match self.doing {
                Doing::Nothing | Doing::Again { .. } | Doing::Over => false,
                Doing::Agent | Doing::Review { .. } | Doing::AwaitingPermit { .. } => true,
                Doing::Step { step, .. } => match step {
                    Step::Workspace
                    | Step::Clone
                    | Step::Rebase
                    | Step::Setup
                    | Step::Agent
                    | Step::Review
                    | Step::Collect
                    | Step::Push => true,
                    Step::Kill | Step::ReadBack | Step::Rescue | Step::Wipe => false,
                },
            }
    }

    fn agent_deadline(&self) -> Option<Timestamp> {
        let agent = &self.agent;
        match agent.stage {
            Stage::Ending { until } | Stage::Stopping { until } | Stage::Keeping { until, .. } => {
                Some(until)
            }
            Stage::Working => {
                let asks = agent.waiting.iter().filter_map(|waiting| waiting.deadline);
                asks.chain(agent.limit_at(&self.spec.limits))
                    .chain(agent.quota.until)
                    .chain(agent.stall_at(&self.spec.limits))
                    .min()
            }
        }
    }

    pub(super) fn patience(&self, now: Timestamp, step: Step) -> Timestamp {
        now.after(match step {
            Step::Kill => KILL,
            Step::Workspace => WORKSPACE,
            Step::Clone => CLONE,
            Step::Rebase => REBASE,
            Step::Setup => return self.setup_until,
            Step::Agent => STOP_AGENT,
            Step::Review => REVIEW,
            Step::Collect => COLLECT,
            Step::Push => PUSH,
            Step::ReadBack => READ_BACK,
            Step::Rescue => RESCUE,
            Step::Wipe => WIPE,
        })
    }

    pub(super) fn abort(&mut self, now: Timestamp) {
        if let Doing::Step { step, .. } = self.doing {
            self.doing = Doing::Step { step, until: now.after(ABORT), aborted: true };
            self.out.push(RunEffect::Abort { step });
        }
    }

    pub(super) fn pass_deadlines(&mut self, now: Timestamp) {
        if self.needs_lease() && now >= self.lease_until {
            self.fail(
                now,
                Code::LeaseLost,
                "The hub could not be reached for longer than the lease; the work was rescued.",
            );
        }
        self.screen(now, TakeoverEvent::Tick);
        match self.doing {
            Doing::Step { step, until, aborted } if now >= until => {
                self.step_overdue(now, step, aborted);
            }
            Doing::Again { step, at } if now >= at => self.try_again(now, step),
            Doing::Agent => self.agent_overdue(now),
            Doing::Review { round, until, stopping } if now >= until => {
                self.review_overdue(now, round, stopping);
            }
            Doing::Review { .. } => {}
            Doing::Step { .. }
            | Doing::Again { .. }
            | Doing::Nothing
            | Doing::AwaitingPermit { .. }
            | Doing::Over => {}
        }
    }

    fn step_overdue(&mut self, now: Timestamp, step: Step, aborted: bool) {
        let problem = overdue(step);
        if aborted {
            return self.step_failed(now, step, problem);
        }
        if self.needs_lease() {
            self.ending = Some(Outcome::Failed { problem });
        }
        self.abort(now);
    }

    fn agent_overdue(&mut self, now: Timestamp) {
        match self.agent.stage {
            Stage::Ending { until } if now >= until => self.stop_agent(now),
            Stage::Stopping { until } if now >= until => {
                // What still lives is killed again by the wipe.
                let problem = Problem::new(
                    Code::Internal,
                    "The agent could not be made to end; its work was rescued.",
                );
                self.ending.get_or_insert(Outcome::Failed { problem });
                self.agent_gone(now);
            }
            Stage::Working => {
                self.decide_overdue_asks(now);
                self.pass_quota(now);
                self.check_limits(now);
            }
            Stage::Keeping { until, .. } if now >= until => {
                self.checkpointed(now, self.agent.turn, None);
            }
            Stage::Keeping { .. } | Stage::Ending { .. } | Stage::Stopping { .. } => {}
        }
    }

    fn check_limits(&mut self, now: Timestamp) {
        if self.agent.stage != Stage::Working {
            return;
        }
        if self.agent.limit_at(&self.spec.limits).is_some_and(|limit| now >= limit) {
            let secs = self.spec.limits.agent_secs;
            return self.fail(
                now,
                Code::LimitReached,
                format!("The agent worked for the {secs} seconds that the task allows; its work was rescued."),
            );
        }
        if self.agent.stall_at(&self.spec.limits).is_some_and(|stall| now >= stall) {
            self.agent.stalled = true;
            let secs = self.spec.limits.stall_secs;
            self.journal(Event::Activity {
                activity: Activity::Stalled,
                reason: format!("the agent has said nothing for {secs} seconds"),
            });
        }
    }
}

pub(super) fn overdue(step: Step) -> Problem {
    let (code, what) = match step {
        Step::Kill => (Code::Internal, "Killing what the run had left behind"),
        Step::Workspace => (Code::WorkspaceFailed, "Making the workspace"),
        Step::Clone => (Code::RepositoryUnreachable, "Cloning the repository"),
        Step::Rebase => (Code::WorkspaceFailed, "Putting the branch on top of its base"),
        Step::Setup => (Code::SetupFailed, "Setting up"),
        Step::Agent => (Code::AgentFailed, "Starting the agent"),
        Step::Review => (Code::AgentFailed, "Reviewing the work"),
        Step::Collect => (Code::WorkspaceFailed, "Collecting the work"),
        Step::Push => (Code::RepositoryUnreachable, "Pushing the branch"),
        Step::ReadBack => (Code::RepositoryUnreachable, "Reading the branch back"),
        Step::Rescue => (Code::WorkspaceFailed, "Rescuing the work"),
        Step::Wipe => (Code::WorkspaceFailed, "Removing the workspace"),
    };
    Problem::new(code, format!("{what} took too long and was given up."))
}
