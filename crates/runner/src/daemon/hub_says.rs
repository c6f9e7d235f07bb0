//! What the hub says on the primary connection, and what follows.

use super::core::Daemon;
use super::held::{HeldRun, Shim};
use crate::shim_socket::ToShim;
use pilot_proto::RunId;
use pilot_proto::project::GitGrant;
use pilot_proto::runner::{Known, ToRunner, Verdict};

impl Daemon {
    /// A new connection: the hub has told how far it has each journal.
    pub(super) fn welcomed(&mut self, known: &[Known]) {
        self.beats.clear();
        for Known { run, acked, verdict } in known {
            if let Some(held) = self.runs.get_mut(run) {
                held.resume(*acked);
            }
            self.verdict(*run, *verdict);
        }
        // At once, for the leases.
        self.beat();
    }

    pub(super) async fn hub_says(&mut self, message: ToRunner) {
        match message {
            ToRunner::BeatHeard { .. } => self.beat_heard(),
            ToRunner::Assign { spec } => self.assigned(spec),
            ToRunner::Order { order, run, act } => self.tell(run, ToShim::Order { order, act }),
            ToRunner::Grant { run, git } => self.granted(run, git),
            ToRunner::Acked { run, cursor } => {
                if let Some(held) = self.runs.get_mut(&run) {
                    held.acked(cursor);
                }
                self.forget_if_done(run);
            }
            ToRunner::Verdict { run, verdict } => self.verdict(run, verdict),
            ToRunner::Look => self.look_again(),
            ToRunner::Try { agent, model, provider } => self.try_agent(agent, model, provider),
            ToRunner::Watched { runs } => self.watched(runs),
            ToRunner::OpenTunnel { ticket, wish } => self.open_tunnel(ticket, wish),
            ToRunner::OpenWay { ticket, address } => self.open_way(ticket, address),
            ToRunner::Challenge { .. }
            | ToRunner::Welcome { .. }
            | ToRunner::Refused(_)
            | ToRunner::Missing { .. }
            | ToRunner::BlobStored { .. }
            | ToRunner::BlobUnknown { .. }
            | ToRunner::TunnelText { .. }
            | ToRunner::Unknown(_) => {
                tracing::debug!(?message, "a message that has no place here");
            }
        }
    }

    /// Passes a login on. Kept as well, for a shim that recovers the run.
    fn granted(&mut self, run: RunId, git: GitGrant) {
        if let Some(spec) = self.runs.get_mut(&run).and_then(|held| held.spec.as_mut()) {
            spec.git = Some(git.clone());
        }
        self.tell(run, ToShim::Grant { git });
    }

    /// Renews the leases, from when the beat was sent.
    fn beat_heard(&mut self) {
        let Some(sent) = self.beats.pop_front() else { return };
        let age = self.clock.now().since(sent).as_millis();
        let age_ms = u64::try_from(age).unwrap_or(u64::MAX);
        for held in self.runs.values() {
            if let Shim::Alive(orders) = &held.shim {
                // A queue that is full is a shim that hangs: its lease may end.
                orders.try_send(ToShim::Contact { age_ms }).ok();
            }
        }
    }

    fn verdict(&mut self, run: RunId, verdict: Verdict) {
        match verdict {
            Verdict::Keep | Verdict::Unknown => {}
            Verdict::Fenced => self.tell(run, ToShim::Fenced),
            Verdict::Forget => {
                if let Some(held) = self.runs.get_mut(&run) {
                    held.forget = true;
                }
                self.forget_if_done(run);
            }
        }
    }

    fn forget_if_done(&mut self, run: RunId) {
        if self.runs.get(&run).is_some_and(HeldRun::may_go) {
            self.forget(run);
        }
    }

    fn tell(&self, run: RunId, message: ToShim) {
        let Some(held) = self.runs.get(&run) else {
            tracing::warn!(%run, ?message, "an order for a run that is not here");
            return;
        };
        match &held.shim {
            // What is not delivered the hub says again on the next connection.
            Shim::Alive(orders) => {
                if let Err(error) = orders.try_send(message) {
                    tracing::warn!(%run, %error, "the shim takes no more orders");
                }
            }
            // The journal's end will tell the hub that it came too late.
            Shim::Ended | Shim::Lost { .. } => {
                tracing::debug!(%run, ?message, "an order for a run that is over");
            }
        }
    }
}
