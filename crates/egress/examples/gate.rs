//! A gate in a process of its own, to be measured: takes one forwarder at a
//! path and serves it until that is gone.
//!
//! `gate UPLINK RULE,RULE… IP:PORT=IP:PORT,…` — the last says where connections
//! to public addresses really go; every name has the address 93.184.215.14.

use pilot_egress::gate::{Doors, Gate, Options};
use pilot_egress::outside::{Doing, Outside};
use pilot_egress::policy;
use pilot_egress::uplink::Waiting;
use pilot_proto::network::NetworkPolicy;
use std::collections::HashMap;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// Where connections really go.
struct Table(HashMap<SocketAddr, SocketAddr>);

impl Outside for Table {
    fn resolve<'a>(&'a self, _: &'a str) -> Doing<'a, Vec<IpAddr>> {
        Box::pin(async { Ok(vec![Ipv4Addr::new(93, 184, 215, 14).into()]) })
    }

    fn connect(&self, address: SocketAddr) -> Doing<'_, TcpStream> {
        Box::pin(async move {
            let nobody = || io::Error::new(io::ErrorKind::ConnectionRefused, "nobody is there");
            TcpStream::connect(self.0.get(&address).ok_or_else(nobody)?).await
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [uplink, rules, table] = arguments.as_slice() else {
        return Err(io::Error::other("usage: gate UPLINK RULE,RULE… IP:PORT=IP:PORT,…"));
    };
    let allow = rules.split(',').map(str::to_owned).collect();
    let rules = NetworkPolicy { presets: Vec::new(), allow, ..NetworkPolicy::default() };
    let table = table.split(',').filter_map(|pair| {
        let (from, to) = pair.split_once('=')?;
        Some((from.parse().ok()?, to.parse().ok()?))
    });
    let (news, mut told) = tokio::sync::mpsc::channel(256);
    let gate = Gate::new(Options {
        policy: policy::compile(&rules, &[]).map_err(io::Error::other)?,
        outside: Arc::new(Table(table.collect())),
        upstream: None,
        doors: Doors::default(),
        news,
    });
    let waiting = Waiting::bind(Path::new(uplink))?;
    writeln!(io::stdout(), "ready")?;
    let uplink = waiting.accept().await?;
    let listen = async { while told.recv().await.is_some() {} };
    tokio::select! {
        served = gate.serve(uplink, CancellationToken::new()) => served?,
        () = listen => {}
    }
    writeln!(io::stdout(), "{:?}", gate.figures())
}
