//! Where a hub is, and how to know that it is the one.

use pilot_proto::runner::JoinCode;
use pilot_proto::{Code, Problem};
use std::fmt;
use std::net::IpAddr;
use url::{Host, Url};

/// A hub's address. **Invariant:** plain HTTP only to this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    base: Url,
    fingerprint: Option<[u8; 32]>,
}

/// Why a text is not a hub's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Not a URL with a host.
    #[error("`{0}` is not the address of a hub: expected `https://host:port`")]
    NotAnAddress(String),
    /// Not `http` or `https`.
    #[error(
        "`{0}` is not the address of a hub: it begins neither with `https://` nor with `http://`"
    )]
    Scheme(String),
    /// User, query or fragment.
    #[error("the address of a hub holds no user, query or fragment")]
    Extras,
    /// Plain HTTP over a network.
    #[error("`{0}` is plain HTTP to another machine; only `https://` may leave this one")]
    PlainHttp(String),
    /// Not 64 hex digits.
    #[error("a certificate fingerprint is 64 hex digits")]
    Fingerprint,
}

impl EndpointError {
    /// For a person.
    pub fn problem(&self) -> Problem {
        let hint = match self {
            Self::PlainHttp(_) => {
                "Give the hub a certificate and use its `https://` address, or reach it through a tunnel that ends on this machine."
            }
            Self::NotAnAddress(_) | Self::Scheme(_) | Self::Extras | Self::Fingerprint => "",
        };
        Problem::new(Code::Invalid, format!("{self}.")).hint(hint)
    }
}

impl Endpoint {
    /// From a base URL (`https://host:port[/base]`) and, if the hub signed its
    /// own certificate, the SHA-256 of that certificate in hex.
    pub fn new(hub: &str, fingerprint: Option<&str>) -> Result<Self, EndpointError> {
        let shown = || hub.trim().to_owned();
        let base = Url::parse(hub.trim()).map_err(|_| EndpointError::NotAnAddress(shown()))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(EndpointError::Scheme(shown()));
        }
        if base.host().is_none() {
            return Err(EndpointError::NotAnAddress(shown()));
        }
        let extras = !base.username().is_empty()
            || base.password().is_some()
            || base.query().is_some()
            || base.fragment().is_some();
        if extras {
            return Err(EndpointError::Extras);
        }
        let endpoint = Self { base, fingerprint: fingerprint.map(parse_fingerprint).transpose()? };
        if !endpoint.is_tls() && !endpoint.is_loopback() {
            return Err(EndpointError::PlainHttp(shown()));
        }
        Ok(endpoint)
    }

    /// From a join code.
    pub fn of(code: &JoinCode) -> Result<Self, EndpointError> {
        Self::new(&code.hub, code.fingerprint.as_deref())
    }

    /// The base URL, without a slash at the end.
    pub fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// SHA-256 of the certificate to expect.
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        self.fingerprint
    }

    /// True for `https`.
    pub fn is_tls(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Host as the `Host` header and TLS want it, without brackets.
    pub fn host(&self) -> String {
        match self.base.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            // `new` refused it.
            None => String::new(),
        }
    }

    /// Port, the scheme's own if none is written.
    pub fn port(&self) -> u16 {
        self.base.port_or_known_default().unwrap_or(443)
    }

    /// The path of something under the base: `/base` + `/runner/link`.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base.path().trim_end_matches('/'))
    }

    /// Host and port as the `Host` header wants them.
    pub(crate) fn authority(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    fn is_loopback(&self) -> bool {
        match self.base.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
            None => false,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base())
    }
}

fn parse_fingerprint(text: &str) -> Result<[u8; 32], EndpointError> {
    // `openssl x509 -fingerprint` writes colons and capitals.
    let digits: String = text.trim().chars().filter(|letter| *letter != ':').collect();
    let mut fingerprint = [0; 32];
    hex::decode_to_slice(digits, &mut fingerprint).map_err(|_| EndpointError::Fingerprint)?;
    Ok(fingerprint)
}
