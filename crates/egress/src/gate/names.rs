//! The door for names: only what may be reached has an address, and a made-up
//! one. Nothing is asked outside here, so that no look-up carries anything out.

use super::Shared;
use super::journal::Subject;
use crate::dns::{self, Answer};
use crate::policy::{Host, Refusal};
use crate::stream::Stream;
use pilot_proto::network::Door;
use std::io;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;

/// Between two questions on one connection (RFC 7766 §6.2.3 leaves it open).
const IDLE: Duration = Duration::from_secs(10);

/// Answers until the other side has no more questions.
pub(super) async fn serve(
    shared: &Shared,
    mut client: Stream,
    process: Option<String>,
) -> io::Result<()> {
    loop {
        let read = async {
            let mut length = [0; 2];
            client.read_exact(&mut length).await?;
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            client.read_exact(&mut query).await?;
            Ok::<_, io::Error>(query)
        };
        let Ok(Ok(query)) = tokio::time::timeout(IDLE, read).await else { return Ok(()) };
        let answer = dns::answer(&query, |name| shared.look_up(name, process.as_deref()));
        let Some(answer) = answer else { return Ok(()) };
        let length = u16::try_from(answer.len()).unwrap_or_default().to_be_bytes();
        client.send_all(&[&length, answer.as_slice()].concat()).await?;
    }
}

impl Shared {
    fn look_up(&self, name: &str, process: Option<&str>) -> Answer {
        let no_rule = || Answer::Refused("no such name here".to_owned());
        // Services and addresses looked up backwards: asked for by libraries,
        // not by people, and never answered.
        if name.starts_with('_') || name.ends_with(".arpa") {
            return no_rule();
        }
        let Some(host) = Host::parse(name) else { return no_rule() };
        let Host::Name(name) = &host else { return no_rule() };
        let subject = Subject {
            host: host.clone(),
            port: 0,
            door: Door::Dns,
            method: None,
            path: None,
            process: process.map(str::to_owned),
        };
        match self.policy().look_up(&host) {
            Ok(pass) => {
                let (address, new) = self.names().address(name);
                if new {
                    self.journal.allowed(&subject, &pass.because);
                }
                Answer::Address(address)
            }
            Err(Refusal(because)) => {
                self.journal.refused(&subject, &because, Instant::now());
                Answer::Refused(super::refusal::text(&subject.place(), &because))
            }
        }
    }
}
