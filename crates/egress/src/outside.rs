//! The network outside the walls, and the proxy that may stand before it.

use pilot_proto::Secret;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use tokio::net::TcpStream;

/// What [`Outside`] does takes its time.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// Where the gate's own look-ups and connections go.
pub trait Outside: Send + Sync + 'static {
    /// The addresses of a name, the best first.
    fn resolve<'a>(&'a self, name: &'a str) -> Doing<'a, Vec<IpAddr>>;
    /// A connection to an address that was found fit.
    fn connect(&self, address: SocketAddr) -> Doing<'_, TcpStream>;
}

/// The machine's own network and resolver.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Outside for System {
    fn resolve<'a>(&'a self, name: &'a str) -> Doing<'a, Vec<IpAddr>> {
        Box::pin(async move {
            Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
        })
    }

    fn connect(&self, address: SocketAddr) -> Doing<'_, TcpStream> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        })
    }
}

/// An HTTP proxy that the machine has to use.
#[derive(Debug, Clone)]
pub struct UpstreamProxy {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The value of `Proxy-Authorization`.
    pub authorization: Option<Secret>,
    /// Suffixes of names that are reached without it.
    pub direct: Vec<String>,
}

impl UpstreamProxy {
    /// Reads `http://[USER:PASSWORD@]HOST[:PORT]`, as `HTTPS_PROXY` has it, and
    /// the list of `NO_PROXY`. `None` where it names no HTTP proxy.
    #[must_use]
    pub fn parse(url: &str, no_proxy: &str) -> Option<Self> {
        use base64::Engine as _;
        let with_scheme =
            if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let url = url::Url::parse(&with_scheme).ok().filter(|url| url.scheme() == "http")?;
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
        let authorization = (!url.username().is_empty()).then(|| {
            let mut pair = decoded(url.username());
            pair.push(b':');
            pair.extend(decoded(url.password().unwrap_or_default()));
            let pair = base64::engine::general_purpose::STANDARD.encode(pair);
            Secret::new(format!("Basic {pair}"))
        });
        let direct = no_proxy.split(',').map(|name| name.trim().trim_start_matches(['*', '.']));
        Some(Self {
            host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
            port: url.port_or_known_default()?,
            authorization,
            direct: direct.filter(|name| !name.is_empty()).map(str::to_lowercase).collect(),
        })
    }

    /// Is this host reached through it?
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        !self.direct.iter().any(|suffix| {
            let rest = host.strip_suffix(suffix.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_variables_are_understood() {
        let proxy =
            UpstreamProxy::parse("http://me:p%40ss@proxy.corp:3128/", "localhost, .corp,*.lan")
                .expect("a proxy");
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy.corp", 3128));
        let authorization = proxy.authorization.as_ref().map(Secret::expose);
        assert_eq!(authorization, Some("Basic bWU6cEBzcw=="));
        assert!(proxy.is_for("example.org") && proxy.is_for("notcorp"));
        assert!(!proxy.is_for("git.corp") && !proxy.is_for("x.lan") && !proxy.is_for("localhost"));
        assert_eq!(UpstreamProxy::parse("proxy.corp", "").map(|proxy| proxy.port), Some(80));
        assert!(UpstreamProxy::parse("socks5://proxy.corp", "").is_none());
    }
}
