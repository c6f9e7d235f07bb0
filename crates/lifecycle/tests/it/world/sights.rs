//! What was seen in a game: games in which nothing ever happens prove nothing.

use super::World;
use pilot_lifecycle::TaskEvent;
use pilot_proto::event::{Activity, Event};
use pilot_proto::inbox::Decider;
use pilot_proto::run::Outcome;
use std::collections::BTreeMap;

/// How often each thing happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sights(pub(crate) BTreeMap<String, u64>);

impl Sights {
    pub(crate) fn see(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    pub(crate) fn add(&mut self, others: &Self) {
        for (what, times) in &others.0 {
            *self.0.entry(what.clone()).or_default() += times;
        }
    }
}

impl World {
    /// What the hub was told.
    pub(crate) fn see_event(&mut self, event: &TaskEvent<'_>) {
        match event {
            TaskEvent::LeaseExpired { .. } => self.sights.see("lease expired"),
            TaskEvent::RunLost { .. } => self.sights.see("run lost by its runner"),
            TaskEvent::Declined { .. } => self.sights.see("declined"),
            TaskEvent::Undone { .. } => self.sights.see("order undone"),
            TaskEvent::PullRequestMerged => self.sights.see("merged"),
            _ => {}
        }
    }

    /// What the journals of the whole game show.
    pub(crate) fn see_journals(&mut self) {
        for record in self.minted.values().flatten() {
            let what = match &record.event {
                Event::Finished(Outcome::Failed { problem }) => format!("failed: {}", problem.code),
                Event::Finished(Outcome::Pushed { .. }) => "pushed".to_owned(),
                Event::Finished(Outcome::NoChange) => "no change".to_owned(),
                Event::Finished(Outcome::Cancelled) => "cancelled".to_owned(),
                Event::Finished(Outcome::Fenced) => "fenced".to_owned(),
                Event::Rescued { .. } => "rescued".to_owned(),
                Event::Pushed { .. } if record.epoch > 1 => "push found after a crash".to_owned(),
                Event::Cleaned { left } if !left.is_empty() => "something left".to_owned(),
                Event::Decided { decider: Decider::Timeout, .. } => "nobody answered".to_owned(),
                Event::Decided { decider: Decider::Policy, .. } => "policy answered".to_owned(),
                Event::Decided { decider: Decider::Person { .. }, .. } => "answered".to_owned(),
                Event::Withdrawn { .. } => "ask withdrawn".to_owned(),
                Event::Activity { activity: Activity::Stalled, .. } => "stalled".to_owned(),
                Event::TurnStarted { turn: 2.., .. } => "follow-up".to_owned(),
                _ => continue,
            };
            self.sights.see(what);
        }
    }
}
