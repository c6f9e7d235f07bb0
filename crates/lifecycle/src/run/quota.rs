//! The provider's usage limit: the run waits for its end and goes on by itself.
//!
//! The agent's process stays, with its session; nothing of the workspace is
//! lost, and a person may end the wait by saying something, or stop the run.

use super::machine::RunMachine;
use pilot_proto::event::{Activity, Event};
use pilot_proto::{Code, Timestamp};
use std::time::Duration;

/// Behind the end that the provider named: its clock is not ours.
const MARGIN: Duration = Duration::from_secs(5);
/// Where no end is told: limits per minute are the shortest there are. Each
/// further wait is twice as long.
const FIRST: Duration = Duration::from_secs(60);
/// And none is longer: a person who watches would lose faith.
const LONGEST: Duration = Duration::from_secs(1800);

/// What the agent is told when the limit has ended.
const GO_ON: &str = "The usage limit has ended. Go on where you stopped.";

/// What is known of the limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Quota {
    /// When the limit ends, as the provider told in this turn.
    resets_at: Option<Timestamp>,
    /// The run waits until then.
    pub(super) until: Option<Timestamp>,
    /// What all waits took.
    waited: Duration,
    /// Waits without a told end since the last turn that went well.
    blind: u32,
}

impl RunMachine {
    /// The provider told of its limit.
    pub(super) fn limit_hit(&mut self, resets_at: Option<Timestamp>) {
        self.agent.quota.resets_at = resets_at;
    }

    /// The turn ended: waits, if its end was the provider's limit and there is
    /// patience left. False if not.
    pub(super) fn wait_for_quota(&mut self, now: Timestamp) -> bool {
        let problem = self.agent.last_problem.as_ref();
        let quota = &mut self.agent.quota;
        let told = quota.resets_at.take();
        if problem.is_none_or(|problem| problem.code != Code::AgentLimit) {
            quota.blind = 0;
            return false;
        }
        let wait = match told {
            Some(at) => at.since(now) + MARGIN,
            None => {
                quota.blind += 1;
                LONGEST.min(FIRST * (1 << (quota.blind - 1).min(10)))
            }
        };
        let patience = Duration::from_secs(self.spec.limits.quota_secs);
        if quota.waited + wait > patience {
            return false;
        }
        quota.waited += wait;
        let until = now.after(wait);
        quota.until = Some(until);
        let reason = "waits until its provider's limit ends, then goes on".to_owned();
        self.journal(Event::Activity { activity: Activity::Limited, reason });
        self.journal(Event::Resumes { at: until });
        true
    }

    /// The wait is over.
    pub(super) fn pass_quota(&mut self, now: Timestamp) {
        if self.agent.quota.until.is_some_and(|until| now >= until) {
            self.agent.quota.until = None;
            self.tell(now, GO_ON.to_owned());
        }
    }

    /// A person says something meanwhile. True if there was a wait, which has
    /// ended with it.
    pub(super) fn end_quota_wait(&mut self) -> bool {
        self.agent.quota.until.take().is_some()
    }
}
