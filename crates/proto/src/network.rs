//! What a run's processes may reach, and what they tried.

use crate::code::Problem;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a project's runs may reach. By default nothing but the package
/// registries and the project's own forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct NetworkPolicy {
    /// How the gate treats what no rule names.
    pub gate: GateMode,
    /// Ready-made sets of rules.
    pub presets: Vec<NetworkPreset>,
    /// One host each: `[http://|https://]PATTERN[:PORT][/PATH]`. `PATTERN` is a
    /// name, `*.` and a name (any name below it, not itself), an address or a
    /// network in CIDR notation. Without a port: 80 and 443. A path needs
    /// `http://`, and everything below it is allowed. A private address is
    /// reached only by a rule that names it or its host.
    pub allow: Vec<String>,
    /// As `allow`, and stronger than it and the presets.
    pub deny: Vec<String>,
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self {
            gate: GateMode::Enforce,
            // What nearly every repository needs to be built, and nothing else.
            presets: NetworkPreset::ALL.to_vec(),
            allow: Vec::new(),
            deny: Vec::new(),
        }
    }
}

/// How the gate treats what no rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum GateMode {
    /// Refuses it and asks a person.
    #[default]
    Enforce,
    /// Lets it through and writes it down, to make a policy of it. Private
    /// addresses and what `deny` names stay refused.
    Learn,
    /// There is no gate: the machine's own network, unwatched.
    Off,
    /// A mode this build does not know yet: as `Enforce`.
    #[serde(other)]
    Unknown,
}

/// A ready-made set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum NetworkPreset {
    /// npm, yarn and pnpm, and the downloads of Node itself.
    Npm,
    /// crates.io and rustup.
    Crates,
    /// PyPI.
    Pypi,
    /// Debian's and Ubuntu's package archives.
    Debian,
    /// Go modules and their checksums.
    Go,
    /// The host of the project's own repository and forge.
    Forge,
    /// A preset this build does not know yet: it allows nothing.
    #[serde(other)]
    Unknown,
}

impl NetworkPreset {
    /// All there are.
    pub const ALL: [Self; 6] =
        [Self::Npm, Self::Crates, Self::Pypi, Self::Debian, Self::Go, Self::Forge];
}

/// Through which door of the gate something was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// `CONNECT` to the HTTP proxy (RFC 9110 §9.3.6).
    Connect,
    /// Plain HTTP, through the proxy or straight.
    Http,
    /// TLS without a proxy, known by its server name (RFC 6066 §3).
    Tls,
    /// Another protocol, straight to a port that a rule names.
    Tcp,
    /// A name was looked up.
    Dns,
    /// Git, through the broker of the project's own repository.
    Git,
    /// A door this build does not know yet.
    #[serde(other)]
    Unknown,
}

/// What the gate decided on one connection, request or look-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NetworkDecision {
    /// Counts the run's decisions, from 1; [`NetworkEnd`] names it.
    pub id: u64,
    /// The name, or the address where there is no name; lower case.
    pub host: String,
    /// 0 for a look-up.
    pub port: u16,
    /// How it came.
    pub door: Door,
    /// `GET`, `CONNECT`, …, where it can be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Path without its query, for plain HTTP and git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The command that asked, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// It may pass.
    pub allowed: bool,
    /// The rule, preset or reason that decided, in words.
    pub because: String,
    /// So many alike were decided since the last that was written down, this
    /// one included.
    pub count: u32,
}

/// A connection that was allowed has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct NetworkEnd {
    /// Which decision let it through.
    pub id: u64,
    /// Bytes from the run to the outside.
    pub sent: u64,
    /// Bytes from the outside to the run.
    pub received: u64,
    /// Milliseconds it lasted.
    pub ms: u64,
    /// Why it came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}
