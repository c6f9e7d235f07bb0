//! One rule: `[http://|https://]PATTERN[:PORT][/PATH]`.

use super::{Host, Way};
use std::fmt;
use std::net::IpAddr;

/// One line of a policy, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    text: String,
    scheme: Scheme,
    pattern: Pattern,
    port: Option<u16>,
    /// Decoded, without its last `/`; `None` is every path.
    path: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Any,
    Http,
    Https,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Exactly(String),
    Below(String),
    Network { address: IpAddr, bits: u32 },
}

/// A rule that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the network rule `{rule}` {problem}")]
pub struct PolicyError {
    /// As it was written.
    pub rule: String,
    /// What is wrong with it.
    pub problem: RuleProblem,
}

/// What is wrong with a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuleProblem {
    /// Nothing there.
    #[error("is empty: write a host such as `example.org`")]
    Empty,
    /// `ftp://` and the like.
    #[error("has a scheme other than `http://` and `https://`: leave it out")]
    Scheme,
    /// Neither a name nor an address.
    #[error("names no host: write a name, `*.` and a name, an address or a network")]
    Host,
    /// A star somewhere else.
    #[error("has a `*` that is not a first label: write `*.example.org`, or set the gate to learn")]
    Star,
    /// Not 1 to 65535.
    #[error("has no port from 1 to 65535 after its `:`")]
    Port,
    /// Paths are only seen in plain HTTP.
    #[error("has a path without `http://`: the path of an encrypted request cannot be seen")]
    Path,
    /// `..` and other ways round.
    #[error("has a path with a `..`, an encoded slash or the like: write the plain path")]
    OddPath,
    /// Rules have no queries, fragments or user names.
    #[error("has a `?`, `#`, `@` or a space: a rule is a host with a port and a path")]
    Extra,
    /// `10.0.0.0/99`.
    #[error("has a network whose length is not from 0 to 32 (IPv4) or 128 (IPv6)")]
    Length,
    /// `10.0.0.1/8`.
    #[error("has a network with an address inside it: write its first address")]
    Bits,
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        parse(text.trim()).map_err(|problem| PolicyError { rule: text.to_owned(), problem })
    }

    pub(super) fn port(&self) -> Option<u16> {
        self.port
    }

    pub(super) fn is_tls_only(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// It matches names that nobody wrote down.
    pub(super) fn is_wide(&self) -> bool {
        match self.pattern {
            Pattern::Below(_) => true,
            Pattern::Exactly(_) | Pattern::Network { .. } => false,
        }
    }

    pub(super) fn is_for(&self, host: &Host) -> bool {
        match (&self.pattern, host) {
            (Pattern::Exactly(name), Host::Name(host)) => name == host,
            (Pattern::Below(name), Host::Name(host)) => {
                host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
            (Pattern::Network { address, bits }, Host::Address(host)) => {
                is_within(*host, *address, *bits)
            }
            (Pattern::Exactly(_) | Pattern::Below(_), Host::Address(_))
            | (Pattern::Network { .. }, Host::Name(_)) => false,
        }
    }

    /// The very host is written down.
    pub(super) fn is_exactly(&self, host: &Host, port: u16) -> bool {
        !self.is_wide() && self.is_for(host) && self.has_port(port)
    }

    pub(super) fn permits(&self, host: &Host, port: u16, way: Way<'_>) -> bool {
        let way = match (self.scheme, way) {
            (Scheme::Any, Way::Http(_) | Way::Stream) | (Scheme::Https, Way::Stream) => true,
            (Scheme::Http, Way::Http(path)) => self
                .path
                .as_ref()
                .is_none_or(|allowed| canonical(path).is_some_and(|path| is_below(&path, allowed))),
            (Scheme::Http, Way::Stream) | (Scheme::Https, Way::Http(_)) => false,
        };
        way && self.has_port(port) && self.is_for(host)
    }

    pub(super) fn permits_address(&self, address: &Host, port: u16) -> bool {
        self.has_port(port) && self.is_for(address)
    }

    pub(super) fn is_http_for(&self, host: &Host, port: u16) -> bool {
        self.scheme == Scheme::Http && self.has_port(port) && self.is_for(host)
    }

    /// As [`Rule::permits`], but in doubt yes: a stream may carry the plain
    /// request that is denied, an odd path may mean it.
    pub(super) fn forbids(&self, host: &Host, port: u16, way: Way<'_>) -> bool {
        let way = match (self.scheme, way) {
            (Scheme::Any | Scheme::Http, Way::Stream)
            | (Scheme::Any, Way::Http(_))
            | (Scheme::Https, Way::Stream) => true,
            (Scheme::Http, Way::Http(path)) => self
                .path
                .as_ref()
                .is_none_or(|denied| canonical(path).is_none_or(|path| is_below(&path, denied))),
            (Scheme::Https, Way::Http(_)) => false,
        };
        way && self.is_denied_port(port) && self.is_for(host)
    }

    /// Nothing that goes to this port (or to any, where there is none) passes.
    pub(super) fn forbids_all(&self, host: &Host, port: Option<u16>) -> bool {
        let port = self.port.is_none() || self.port == port;
        self.scheme == Scheme::Any && port && self.is_for(host)
    }

    fn has_port(&self, port: u16) -> bool {
        match (self.port, self.scheme) {
            (Some(own), _) => own == port,
            (None, Scheme::Any) => [80, 443].contains(&port),
            (None, Scheme::Http) => port == 80,
            (None, Scheme::Https) => port == 443,
        }
    }

    /// To deny a host without a port is to deny all of it.
    fn is_denied_port(&self, port: u16) -> bool {
        (self.port.is_none() && self.scheme == Scheme::Any) || self.has_port(port)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn parse(text: &str) -> Result<Rule, RuleProblem> {
    if text.is_empty() {
        return Err(RuleProblem::Empty);
    }
    if text.contains(['?', '#', '@', '\\']) || text.contains(char::is_whitespace) {
        return Err(RuleProblem::Extra);
    }
    let (scheme, rest) = match text.split_once("://") {
        None => (Scheme::Any, text),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
        Some(_) => return Err(RuleProblem::Scheme),
    };
    let rule = |pattern, port, path| Rule { text: text.to_owned(), scheme, pattern, port, path };
    if scheme == Scheme::Any
        && let Some(pattern) = network(rest)?
    {
        return Ok(rule(pattern, None, None));
    }
    let (authority, path) = match rest.split_once('/') {
        None | Some((_, "")) => (rest.trim_end_matches('/'), None),
        Some(_) if scheme != Scheme::Http => return Err(RuleProblem::Path),
        Some((authority, path)) => {
            let path = canonical(&format!("/{path}")).ok_or(RuleProblem::OddPath)?;
            (authority, Some(path.strip_suffix(b"/").unwrap_or(&path).to_vec()))
        }
    };
    let (host, port) = host_and_port(authority)?;
    Ok(rule(pattern(host)?, port, path))
}

/// `HOST`, `HOST:PORT`, `[V6]:PORT`, and an IPv6 address as it is.
fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), RuleProblem> {
    if authority.parse::<IpAddr>().is_ok() {
        return Ok((authority, None));
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            let port = port.parse().ok().filter(|port| *port > 0 && digits);
            Ok((host, Some(port.ok_or(RuleProblem::Port)?)))
        }
        Some(_) | None => Ok((authority, None)),
    }
}

fn pattern(host: &str) -> Result<Pattern, RuleProblem> {
    let (wide, name) = match host.strip_prefix("*.") {
        Some(name) => (true, name),
        None => (false, host),
    };
    if name.contains('*') {
        return Err(RuleProblem::Star);
    }
    match Host::parse(name).ok_or(RuleProblem::Host)? {
        Host::Name(name) if wide => Ok(Pattern::Below(name)),
        Host::Name(name) => Ok(Pattern::Exactly(name)),
        Host::Address(_) if wide => Err(RuleProblem::Star),
        Host::Address(address) => Ok(Pattern::Network { address, bits: width(address) }),
    }
}

/// `ADDRESS/LENGTH`, where it is that.
fn network(text: &str) -> Result<Option<Pattern>, RuleProblem> {
    let Some((address, length)) = text.split_once('/') else { return Ok(None) };
    let Ok(address) = address.trim_matches(['[', ']']).parse::<IpAddr>() else { return Ok(None) };
    let bits = length.parse::<u32>().map_err(|_| RuleProblem::Length)?;
    if bits > width(address) {
        return Err(RuleProblem::Length);
    }
    if number(address) & !mask(bits, width(address)) != 0 {
        return Err(RuleProblem::Bits);
    }
    Ok(Some(Pattern::Network { address, bits }))
}

fn is_within(host: IpAddr, network: IpAddr, bits: u32) -> bool {
    let mask = mask(bits, width(network));
    host.is_ipv4() == network.is_ipv4() && number(host) & mask == number(network)
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

fn mask(bits: u32, width: u32) -> u128 {
    let all = if width == 32 { u128::from(u32::MAX) } else { u128::MAX };
    all & !all.checked_shr(bits).unwrap_or(0)
}

fn is_below(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// The path with its escapes read, where servers cannot disagree on what it
/// means: no dot segments, no doubled, encoded or turned slashes.
fn canonical(path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let value = u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?;
            if b"/\\%\0;".contains(&value) {
                return None;
            }
            value
        } else {
            byte
        };
        bytes.push(byte);
    }
    let odd = !bytes.starts_with(b"/")
        || bytes.windows(2).any(|two| two == b"//")
        || bytes.contains(&b'\\')
        // `/..;x/` is `/../` to some servers.
        || bytes.split(|byte| *byte == b'/').any(|part| {
            matches!(part.split(|byte| *byte == b';').next(), Some(b"." | b".."))
        });
    (!odd).then_some(bytes)
}
