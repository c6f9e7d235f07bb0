//! A stream of bytes to a host that passed: what `CONNECT` asked for, TLS
//! without a proxy, and other protocols on ports that rules name.

use super::journal::Subject;
use super::reach::{self, Failure};
use super::{Ending, Shared, refusal};
use crate::hello::{self, Alert, Opening};
use crate::policy::{Host, Pass, Way};
use crate::stream::Stream;
use pilot_proto::network::Door;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whoever opened a tunnel says something by then, or the server does.
const OPENING: Duration = Duration::from_secs(60);
/// How long a refused client may take to show what it speaks.
const SHOWS: Duration = Duration::from_secs(1);
const HTTPS: u16 = 443;
const GIT: u16 = 9418;

/// A connection to a made-up address.
pub(super) async fn straight(
    shared: Arc<Shared>,
    client: Stream,
    to: (Ipv4Addr, u16),
    process: Option<String>,
) -> io::Result<()> {
    let (address, port) = to;
    // Something of the run's own that is not there: as if nothing listened.
    let Some(name) = shared.names().name(address) else { return Ok(()) };
    let host = Host::Name(name);
    if shared.policy().is_http_only(&host, port) {
        return super::http::serve(shared, client, Some((host, port)), process).await;
    }
    let door = if port == HTTPS { Door::Tls } else { Door::Tcp };
    let subject = Subject { host, port, door, method: None, path: None, process };
    if port == HTTPS {
        tls(&shared, client, subject).await
    } else {
        tcp(&shared, client, subject).await
    }
}

/// TLS for a name that the client must ask for itself.
async fn tls(shared: &Shared, mut client: Stream, subject: Subject) -> io::Result<()> {
    let first = tokio::time::timeout(OPENING, hello::read(&mut client)).await;
    let opening = first.unwrap_or(Ok(Opening::Nothing))?;
    if opening == Opening::Nothing {
        return Ok(());
    }
    if let Err(other) = same_name(&subject, &opening, true) {
        let (subject, because) = *other;
        return shared.refuse_tls(client, &subject, &because, Alert::Name).await;
    }
    let (policy, pass) = match shared.decide(&subject, Way::Stream) {
        Ok(passes) => passes,
        Err(because) => return shared.refuse_tls(client, &subject, &because, Alert::Denied).await,
    };
    match reach::stream(shared, &policy, &pass, &subject.host, subject.port).await {
        Ok(mut outside) => {
            let ending = shared.passes(&subject, &pass, outside.counts());
            let relayed = shared.relay(&mut client, &mut outside).await;
            ending.end(relayed.err());
            Ok(())
        }
        Err(Failure::Refused(because)) => {
            shared.refuse_tls(client, &subject, &because, Alert::Denied).await
        }
        Err(failure @ Failure::Unreachable { .. }) => {
            shared.failed(&subject, &pass, &failure);
            refusal::alert(client, Alert::Unreachable).await
        }
    }
}

/// Anything on a port that a rule names.
async fn tcp(shared: &Shared, client: Stream, subject: Subject) -> io::Result<()> {
    let (policy, pass) = match shared.decide(&subject, Way::Stream) {
        Ok(passes) => passes,
        Err(because) => {
            shared.journal.refused(&subject, &because, Instant::now());
            return explain(client, &subject, &because).await;
        }
    };
    match reach::stream(shared, &policy, &pass, &subject.host, subject.port).await {
        Ok(outside) => {
            let ending = shared.passes(&subject, &pass, outside.counts());
            opened(shared, client, outside, &subject, &pass, ending).await
        }
        Err(Failure::Refused(because)) => {
            shared.journal.refused(&subject, &because, Instant::now());
            explain(client, &subject, &because).await
        }
        Err(failure @ Failure::Unreachable { .. }) => {
            shared.failed(&subject, &pass, &failure);
            client.finish();
            Ok(())
        }
    }
}

/// Both ends stand. What the client says first decides whether it may go on:
/// TLS must be for the host that passed.
pub(super) async fn opened(
    shared: &Shared,
    mut client: Stream,
    mut outside: Stream,
    subject: &Subject,
    pass: &Pass,
    ending: Ending,
) -> io::Result<()> {
    let must_be_tls = pass.tls_only;
    let client_first = async {
        tokio::select! {
            biased;
            ready = client.readable() => ready.map(|()| true),
            ready = outside.readable() => ready.map(|()| false),
        }
    };
    let Ok(client_first) = tokio::time::timeout(OPENING, client_first).await else {
        ending.end(Some(io::Error::new(io::ErrorKind::TimedOut, "nobody said anything")));
        return Ok(());
    };
    let opening = if client_first? { hello::read(&mut client).await? } else { Opening::Other };
    if opening != Opening::Nothing
        && let Err(other) = same_name(subject, &opening, must_be_tls)
    {
        let (subject, because) = *other;
        drop(outside);
        ending.end(Some(io::Error::new(io::ErrorKind::PermissionDenied, because.clone())));
        return shared.refuse_tls(client, &subject, &because, Alert::Name).await;
    }
    let relayed = shared.relay(&mut client, &mut outside).await;
    ending.end(relayed.err());
    Ok(())
}

/// Is what the client opened with meant for the host that passed? If not: what
/// it is meant for instead, and why that is refused.
fn same_name(
    subject: &Subject,
    opening: &Opening,
    must_be_tls: bool,
) -> Result<(), Box<(Subject, String)>> {
    let no = |because: String| Err(Box::new((subject.clone(), because)));
    match opening {
        Opening::Tls(None) => match subject.host {
            Host::Address(_) => Ok(()),
            Host::Name(_) => no("its TLS names no server".to_owned()),
        },
        Opening::Tls(Some(name)) => match Host::parse(name) {
            Some(host) if host == subject.host => Ok(()),
            Some(host) => {
                let because = format!("its TLS is for another host than `{}`", subject.host);
                Err(Box::new((Subject { host, ..subject.clone() }, because)))
            }
            None => no("its TLS names no server".to_owned()),
        },
        Opening::Broken => no("it begins as TLS and is none".to_owned()),
        Opening::Other | Opening::Nothing if must_be_tls => no("it is not TLS".to_owned()),
        Opening::Other | Opening::Nothing => Ok(()),
    }
}

/// Tells a refused client why in what it speaks, where that can be known.
async fn explain(mut client: Stream, subject: &Subject, because: &str) -> io::Result<()> {
    let shown = tokio::time::timeout(SHOWS, hello::read(&mut client)).await;
    let text = refusal::text(&subject.place(), because);
    match shown {
        Ok(Ok(Opening::Tls(_) | Opening::Broken)) => refusal::alert(client, Alert::Denied).await,
        Ok(Ok(Opening::Other)) if subject.port == GIT => refusal::git(client, &text).await,
        Ok(Ok(Opening::Other | Opening::Nothing) | Err(_)) | Err(_) => Ok(()),
    }
}
