//! From what a run did to the smallest tidy policy that allows it again.

use super::{Host, presets};
use pilot_proto::network::{Door, GateMode, NetworkDecision, NetworkPolicy};
use std::collections::{BTreeMap, BTreeSet};

/// So many different names under one suffix are taken for a pattern.
const PATTERN_FROM: usize = 3;

/// A policy that allows what these decisions allowed: presets where they
/// cover it, then hosts, then `*.suffix` where at least three names below a
/// name that somebody owns were used alike.
#[must_use]
pub fn propose(decisions: &[NetworkDecision]) -> NetworkPolicy {
    let mut chosen = BTreeSet::new();
    // Ports of each host; a name that was only looked up needs nothing.
    let mut hosts: BTreeMap<Host, BTreeSet<u16>> = BTreeMap::new();
    for decision in decisions.iter().filter(|decision| decision.allowed) {
        let Some(host) = Host::parse(&decision.host) else { continue };
        match decision.door {
            Door::Connect | Door::Http | Door::Tls | Door::Tcp | Door::Unknown
                if decision.port != 0 =>
            {
                match presets::covering(&host, decision.port) {
                    Some(preset) => drop(chosen.insert(preset)),
                    None => drop(hosts.entry(host).or_default().insert(decision.port)),
                }
            }
            // The broker of the own repository needs no rule.
            Door::Connect
            | Door::Http
            | Door::Tls
            | Door::Tcp
            | Door::Unknown
            | Door::Dns
            | Door::Git => {}
        }
    }
    let mut allow = BTreeSet::new();
    for (pattern, ports) in gather(hosts) {
        let usual = ports.iter().any(|port| [80, 443].contains(port));
        if usual {
            allow.insert(pattern.clone());
        }
        let unusual = ports.iter().filter(|port| ![80, 443].contains(*port));
        allow.extend(unusual.map(|port| format!("{pattern}:{port}")));
    }
    NetworkPolicy {
        gate: GateMode::Enforce,
        presets: chosen.into_iter().collect(),
        allow: allow.into_iter().collect(),
        deny: Vec::new(),
    }
}

/// Names that differ in their first label only and go to the same ports become
/// one pattern, where there are enough of them.
fn gather(hosts: BTreeMap<Host, BTreeSet<u16>>) -> Vec<(String, BTreeSet<u16>)> {
    let mut siblings: BTreeMap<(String, BTreeSet<u16>), Vec<String>> = BTreeMap::new();
    let mut result = Vec::new();
    for (host, ports) in hosts {
        match &host {
            Host::Name(name) => match name.split_once('.') {
                Some((_, parent)) if is_owned(parent) => {
                    let names = siblings.entry((parent.to_owned(), ports)).or_default();
                    names.push(name.clone());
                }
                Some(_) | None => result.push((name.clone(), ports)),
            },
            Host::Address(_) => result.push((host.to_string(), ports)),
        }
    }
    for ((parent, ports), names) in siblings {
        if names.len() >= PATTERN_FROM {
            result.push((format!("*.{parent}"), ports));
        } else {
            result.extend(names.into_iter().map(|name| (name, ports.clone())));
        }
    }
    result
}

/// One registrant has all names below it: it is neither a public suffix nor a
/// single label (<https://publicsuffix.org>).
fn is_owned(name: &str) -> bool {
    psl::domain(name.as_bytes()).is_some()
}
