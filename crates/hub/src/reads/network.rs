//! What a run tried to reach: a fold over the records of its gates, and over
//! nothing else of its journal.

use super::Which;
use crate::dispatch::Answers;
use crate::gate::Principal;
use crate::hub::Parts;
use pilot_egress::policy::{self, Host, Way};
use pilot_proto::console::{NetworkAudit, NetworkQuery, NetworkTry, TaskNetwork};
use pilot_proto::model::ModelCall;
use pilot_proto::network::{Door, GateMode, NetworkDecision, NetworkEnd, NetworkPolicy};
use pilot_proto::{Event, Problem, Record, RunId, Timestamp, WallsReport};
use pilot_store::{Part, Want};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Types of the events of a run's gates.
const EVENTS: Part =
    Part::Only(&["walls", "network", "network_ended", "network_lost", "model_called"]);
/// Records read at once.
const PAGE: Want = Want { part: EVENTS, limit: 1000, max_bytes: 4 * 1024 * 1024 };
/// So many different hosts are remembered for the proposal. Who tries more is
/// looking for something, and gets no policy made of it.
const MAX_HOSTS: usize = 10_000;
/// What a name that was only looked up, and refused, was most likely wanted for.
const HTTPS: u16 = 443;

impl Answers<TaskNetwork> for Parts {
    async fn answer(&self, _who: &Principal, query: NetworkQuery) -> Result<NetworkAudit, Problem> {
        let task = self.task_or_problem(query.task).await?;
        let Which::Run(run) = self.which_run(query.task, query.run).await? else {
            let projects = self.store.projects().await.map_err(|error| error.problem())?;
            let project = projects.into_iter().find(|project| project.name == task.project);
            let policy = project.map(|project| project.network).unwrap_or_default();
            return Ok(Gathered::default().audit(None, policy));
        };
        let spec = self.store.spec(run).await.map_err(|error| error.problem())?;
        let policy = spec.map(|spec| spec.network).unwrap_or_default();
        Ok(self.reached(run).await?.audit(Some(run), policy))
    }
}

impl Parts {
    async fn reached(&self, run: RunId) -> Result<Gathered, Problem> {
        let mut gathered = Gathered::default();
        let mut reached = 0;
        loop {
            let page = self.store.records_after(run, reached, &PAGE).await;
            let page = page.map_err(|error| error.problem())?;
            page.records.into_iter().for_each(|record| gathered.take(record));
            reached = page.reached;
            if page.end {
                return Ok(gathered);
            }
        }
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Gathered {
    walls: Option<WallsReport>,
    /// The last ones.
    tries: VecDeque<NetworkTry>,
    /// Where in `tries` a decision is, counted from the first one ever.
    places: HashMap<u64, usize>,
    /// So many went out of `tries` again.
    dropped: usize,
    lost: u64,
    /// One decision for each host and port, allowed ones first.
    hosts: BTreeMap<(String, u16, bool), NetworkDecision>,
    calls: VecDeque<ModelCall>,
}

impl Gathered {
    fn take(&mut self, record: Record) {
        match record.event {
            Event::Walls(report) => self.walls = Some(report),
            Event::Network(decision) => self.decided(record.at, decision),
            Event::NetworkEnded(end) => self.ended(end),
            Event::NetworkLost { decisions } => self.lost = self.lost.saturating_add(decisions),
            Event::ModelCalled(call) => {
                self.calls.push_back(call);
                if self.calls.len() > NetworkAudit::MAX_TRIES {
                    self.calls.pop_front();
                }
            }
            // What the journal could not be read without.
            _ => {}
        }
    }

    fn decided(&mut self, at: Timestamp, decision: NetworkDecision) {
        let key = (decision.host.clone(), decision.port, !decision.allowed);
        if self.hosts.len() < MAX_HOSTS {
            self.hosts.entry(key).or_insert_with(|| decision.clone());
        }
        self.places.insert(decision.id, self.dropped + self.tries.len());
        self.tries.push_back(NetworkTry { at, decision, end: None });
        if self.tries.len() > NetworkAudit::MAX_TRIES
            && let Some(first) = self.tries.pop_front()
        {
            self.dropped += 1;
            self.places.remove(&first.decision.id);
            self.lost = self.lost.saturating_add(u64::from(first.decision.count.max(1)));
        }
    }

    fn ended(&mut self, end: NetworkEnd) {
        let Some(place) = self.places.get(&end.id) else { return };
        if let Some(tried) = self.tries.get_mut(place - self.dropped) {
            tried.end = Some(end);
        }
    }

    fn audit(self, run: Option<RunId>, policy: NetworkPolicy) -> NetworkAudit {
        let proposal = self.proposal(&policy);
        NetworkAudit {
            run,
            walls: self.walls,
            tries: self.tries.into(),
            lost: self.lost,
            policy,
            proposal,
            calls: self.calls.into(),
        }
    }

    /// What would let through what was tried: what was allowed, and what was
    /// refused only because no rule named it. What the project denies, and what
    /// is of the own network, a person has to write down.
    fn proposal(&self, policy: &NetworkPolicy) -> Option<NetworkPolicy> {
        let deny = policy.deny.clone();
        let open = NetworkPolicy {
            gate: GateMode::Learn,
            presets: Vec::new(),
            allow: Vec::new(),
            deny: deny.clone(),
        };
        let open = policy::compile(&open, &[]).ok()?;
        let mut wanted = Vec::new();
        for decision in self.hosts.values() {
            if decision.allowed {
                wanted.push(decision.clone());
                continue;
            }
            let mut decision = NetworkDecision { allowed: true, ..decision.clone() };
            if decision.door == Door::Dns {
                decision.door = Door::Connect;
                decision.port = HTTPS;
            }
            if may_be_proposed(&open, &decision) {
                wanted.push(decision);
            }
        }
        if wanted.is_empty() {
            return None;
        }
        Some(NetworkPolicy { deny, ..policy::propose(&wanted) })
    }
}

fn may_be_proposed(open: &policy::Policy, decision: &NetworkDecision) -> bool {
    let Some(host) = Host::parse(&decision.host) else { return false };
    let Ok(pass) = open.decide(&host, decision.port, Way::Stream) else { return false };
    match host {
        Host::Name(_) => true,
        Host::Address(address) => open.address(&pass, address, decision.port).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(id: u64, host: &str, port: u16, allowed: bool) -> NetworkDecision {
        NetworkDecision {
            id,
            host: host.to_owned(),
            port,
            door: if port == 0 { Door::Dns } else { Door::Connect },
            method: None,
            path: None,
            process: None,
            allowed,
            because: String::new(),
            count: 1,
        }
    }

    fn take(gathered: &mut Gathered, event: Event) {
        gathered.take(Record { epoch: 1, seq: 1, at: Timestamp(1), event });
    }

    fn ended(id: u64, sent: u64) -> Event {
        Event::NetworkEnded(NetworkEnd { id, sent, received: 0, ms: 1, problem: None })
    }

    #[test]
    fn of_very_many_tries_the_last_are_shown_with_their_ends_and_the_rest_counted() {
        let mut gathered = Gathered::default();
        let most = NetworkAudit::MAX_TRIES as u64;
        for id in 1..=most + 5 {
            take(&mut gathered, Event::Network(decision(id, "example.org", 443, true)));
        }
        // Ends come later than others' beginnings, and of some nothing is left.
        for id in [1, 6, most + 5] {
            take(&mut gathered, ended(id, id));
        }
        take(&mut gathered, Event::NetworkLost { decisions: 7 });
        let audit = gathered.audit(None, NetworkPolicy::default());
        assert_eq!(audit.tries.len(), NetworkAudit::MAX_TRIES);
        assert_eq!(audit.lost, 5 + 7);
        assert_eq!(audit.tries[0].decision.id, 6);
        let sent = |at: usize| audit.tries[at].end.as_ref().map(|end| end.sent);
        assert_eq!((sent(0), sent(1)), (Some(6), None));
        assert_eq!(sent(NetworkAudit::MAX_TRIES - 1), Some(most + 5));
    }

    #[test]
    fn what_was_refused_is_proposed_unless_the_project_denies_it() {
        let mut gathered = Gathered::default();
        for (id, host, port, allowed) in [
            (1, "api.example.org", 443, false),
            (2, "evil.example.com", 443, false),
            (3, "10.0.0.5", 5432, false),
            (4, "db.internal", 5432, false),
            (5, "looked-up.example.net", 0, false),
            (6, "registry.npmjs.org", 443, true),
        ] {
            take(&mut gathered, Event::Network(decision(id, host, port, allowed)));
        }
        let deny = vec!["*.example.com".to_owned()];
        let policy = NetworkPolicy { deny: deny.clone(), ..NetworkPolicy::default() };
        let proposal = gathered.proposal(&policy).expect("something was tried");
        assert_eq!(proposal.allow, ["api.example.org", "looked-up.example.net"]);
        assert_eq!(proposal.presets, [pilot_proto::network::NetworkPreset::Npm]);
        assert_eq!((proposal.deny, proposal.gate), (deny, GateMode::Enforce));
        assert_eq!(Gathered::default().proposal(&policy), None, "nothing was tried");
    }
}
