//! A host, in the one form in which hosts are compared.

use std::fmt;
use std::net::IpAddr;

/// A name or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// Lower case, ASCII (IDNA), no last dot, at most 253 bytes.
    Name(String),
    /// Never an IPv4 address that is written as IPv6.
    Address(IpAddr),
}

impl Host {
    /// Reads a host as URLs have it (<https://url.spec.whatwg.org/#host-parsing>),
    /// IPv6 with or without brackets. `None` for what is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Address(crate::address::plain(address)));
        }
        // A URL's host is percent-decoded; a name in a request has no such thing.
        if text.contains('%') {
            return None;
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        match url::Host::parse(text).ok()? {
            url::Host::Ipv4(address) => Some(Self::Address(address.into())),
            url::Host::Ipv6(address) => Some(Self::Address(crate::address::plain(address.into()))),
            url::Host::Domain(name) => is_name(&name).then_some(Self::Name(name)),
        }
    }

    /// A name that only the own network knows: one label, or under a suffix
    /// that is never public (RFC 6761, RFC 6762, ICANN's `internal`).
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Address(_) => false,
            Self::Name(name) => {
                let last = name.rsplit('.').next().unwrap_or(name);
                !name.contains('.') || ["local", "localhost", "internal"].contains(&last)
            }
        }
    }
}

/// Lengths of RFC 1035 §2.3.4.
fn is_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}
