//! What a run may reach, decided without looking at the network.
//!
//! Names are compared in one form (lower case, ASCII, no last dot), however
//! they were written; numbers that a browser would read as an address are one.
//!
//! **Invariant:** `deny` beats everything, and what no rule names is refused
//! unless the policy learns.

mod host;
mod presets;
mod propose;
mod rule;

pub use host::Host;
pub use propose::propose;
pub use rule::{PolicyError, Rule, RuleProblem};

use crate::address::{Reach, reach};
use pilot_proto::network::{GateMode, NetworkPolicy, NetworkPreset};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// How something wants to go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way<'a> {
    /// A plain HTTP request for this path (RFC 3986, without the query).
    Http(&'a str),
    /// A stream of bytes: `CONNECT`, TLS, anything that is not plain HTTP.
    Stream,
}

/// It may pass, if the address is one it may go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// The rule or preset that lets it through, in words.
    pub because: String,
    /// What passes must be TLS: the rule says `https://`.
    pub tls_only: bool,
    /// The very host is named by the project, so that it may be private.
    named: bool,
    /// A wildcard or the learning gate lets it through: there may be many such.
    pub wide: bool,
}

/// It may not pass; holds why, in words that complete "refused: …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

/// A checked policy, ready to decide. Made by [`compile`].
#[derive(Debug, Clone)]
pub struct Policy {
    mode: GateMode,
    allow: Vec<Allowed>,
    deny: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Allowed {
    rule: Rule,
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Project,
    Run,
    Forge,
    Preset(&'static str),
}

/// Checks a project's policy. `forge_hosts` are what the preset `forge` stands
/// for: `HOST` or `HOST:PORT` of the project's repository and forge.
///
/// # Errors
/// Names the first rule that makes no sense, and why.
pub fn compile(policy: &NetworkPolicy, forge_hosts: &[String]) -> Result<Policy, PolicyError> {
    let mut allow = Vec::new();
    for text in &policy.allow {
        allow.push(Allowed { rule: Rule::parse(text)?, source: Source::Project });
    }
    for preset in &policy.presets {
        if *preset == NetworkPreset::Forge {
            for text in forge_hosts {
                allow.push(Allowed { rule: Rule::parse(text)?, source: Source::Forge });
            }
        }
        for text in presets::rules(*preset) {
            let source = Source::Preset(presets::name(*preset));
            allow.push(Allowed { rule: Rule::parse(text)?, source });
        }
    }
    let deny = policy.deny.iter().map(|text| Rule::parse(text)).collect::<Result<_, _>>()?;
    Ok(Policy { mode: policy.gate, allow, deny })
}

impl Policy {
    /// How what no rule names is treated.
    #[must_use]
    pub fn mode(&self) -> GateMode {
        self.mode
    }

    /// The same policy with one more rule, which a person allowed for this run.
    ///
    /// # Errors
    /// Says what is wrong with the rule.
    pub fn with(&self, rule: &str) -> Result<Self, PolicyError> {
        let mut policy = self.clone();
        policy.allow.push(Allowed { rule: Rule::parse(rule)?, source: Source::Run });
        Ok(policy)
    }

    /// May this go to that port of that host? The address it turns out to be
    /// is asked about with [`Policy::address`].
    ///
    /// # Errors
    /// Why it may not.
    pub fn decide(&self, host: &Host, port: u16, way: Way<'_>) -> Result<Pass, Refusal> {
        if let Some(rule) = self.deny.iter().find(|rule| rule.forbids(host, port, way)) {
            return Err(Refusal(format!("the rule `{rule}` of the project denies it")));
        }
        let passes = |allowed: &&Allowed| allowed.rule.permits(host, port, way);
        // Rules of the project come first and name more than presets do.
        if let Some(allowed) = self.allow.iter().find(passes) {
            return Ok(Pass {
                because: allowed.because(),
                tls_only: allowed.rule.is_tls_only(),
                named: self.names(host, port),
                wide: allowed.rule.is_wide(),
            });
        }
        if self.learns() && !host.is_local() {
            let because = "the gate is learning".to_owned();
            return Ok(Pass { because, tls_only: false, named: false, wide: true });
        }
        Err(Refusal("no rule of the project's network policy allows it".to_owned()))
    }

    /// May this name be looked up, for whatever may be done with it then?
    ///
    /// # Errors
    /// Why it may not.
    pub fn look_up(&self, host: &Host) -> Result<Pass, Refusal> {
        let forbidden = |port: Option<u16>| {
            self.deny.iter().find(|rule| rule.forbids_all(host, port)).map(ToString::to_string)
        };
        let mut denied = forbidden(None);
        for allowed in self.allow.iter().filter(|allowed| allowed.rule.is_for(host)) {
            denied = forbidden(allowed.rule.port());
            if denied.is_none() {
                let wide = allowed.rule.is_wide();
                return Ok(Pass {
                    because: allowed.because(),
                    tls_only: false,
                    named: false,
                    wide,
                });
            }
        }
        match denied {
            Some(rule) => Err(Refusal(format!("the rule `{rule}` of the project denies it"))),
            None if self.learns() && !host.is_local() => Ok(Pass {
                because: "the gate is learning".to_owned(),
                tls_only: false,
                named: false,
                wide: true,
            }),
            None => Err(Refusal("no rule of the project's network policy allows it".to_owned())),
        }
    }

    /// May what passed go to this address, which its host turned out to be?
    ///
    /// # Errors
    /// Why it may not.
    pub fn address(&self, pass: &Pass, address: IpAddr, port: u16) -> Result<(), Refusal> {
        let address = crate::address::plain(address);
        let host = Host::Address(address);
        if let Some(rule) = self.deny.iter().find(|rule| rule.forbids_all(&host, Some(port))) {
            return Err(Refusal(format!("the rule `{rule}` of the project denies `{address}`")));
        }
        let listed = || self.allow.iter().any(|allowed| allowed.rule.permits_address(&host, port));
        match reach(address) {
            Reach::Public => Ok(()),
            Reach::Private(_) if pass.named => Ok(()),
            Reach::Private(kind) | Reach::Close(kind) if !listed() => Err(Refusal(format!(
                "`{address}` is {kind}, and no rule of the project's network policy names it"
            ))),
            Reach::Private(_) | Reach::Close(_) => Ok(()),
        }
    }

    /// Ports besides 80 and 443 that rules name: what the forwarder listens on
    /// for programs that know no proxy.
    #[must_use]
    pub fn ports(&self) -> BTreeSet<u16> {
        let named = self.allow.iter().filter_map(|allowed| allowed.rule.port());
        named.filter(|port| ![80, 443].contains(port)).collect()
    }

    /// Only plain HTTP may go there, so that it is read as that.
    pub(crate) fn is_http_only(&self, host: &Host, port: u16) -> bool {
        port == 80
            || (self.decide(host, port, Way::Stream).is_err()
                && self.allow.iter().any(|allowed| allowed.rule.is_http_for(host, port)))
    }

    fn learns(&self) -> bool {
        match self.mode {
            GateMode::Learn | GateMode::Off => true,
            GateMode::Enforce | GateMode::Unknown => false,
        }
    }

    /// A preset's host is public, or it is not that preset's.
    fn names(&self, host: &Host, port: u16) -> bool {
        self.allow.iter().any(|allowed| {
            let told = match allowed.source {
                Source::Project | Source::Run | Source::Forge => true,
                Source::Preset(_) => false,
            };
            told && allowed.rule.is_exactly(host, port)
        })
    }
}

impl Allowed {
    fn because(&self) -> String {
        let rule = &self.rule;
        match self.source {
            Source::Project => format!("rule `{rule}`"),
            Source::Run => format!("rule `{rule}`, allowed for this run"),
            Source::Forge => format!("preset `forge` (`{rule}`)"),
            Source::Preset(name) => format!("preset `{name}` (`{rule}`)"),
        }
    }
}

#[cfg(test)]
mod tests;
