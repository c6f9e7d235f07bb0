//! The daemon's part of a way to a forge that the hub does not reach: a TCP
//! connection from here, and what goes through it. TLS is the hub's and the
//! forge's.

use super::allowed::FORGES;
use super::core::Daemon;
use super::tunnel::{Over, dial};
use bytes::Bytes;
use pilot_link::Incoming;
use pilot_proto::runner::BulkHead;
use pilot_proto::tunnel::MAX_TUNNEL_FRAME;
use pilot_proto::{Code, Problem, Secret};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For the forge to take a connection.
const CONNECT: Duration = Duration::from_secs(10);

impl Daemon {
    /// The hub wants to be connected to a forge.
    pub(super) fn open_way(&mut self, ticket: Secret, address: String) {
        if let Err(problem) = FORGES.check(&self.options.data, &address) {
            return self.refuse_tunnel(ticket, problem);
        }
        let place = match self.tunnel_place() {
            Ok(place) => place,
            Err(problem) => return self.refuse_tunnel(ticket, problem),
        };
        let (enrolment, refusals) = (self.enrolment().clone(), self.refusals());
        self.tasks.spawn(async move {
            let _place = place;
            match connect(&address).await {
                Ok(forge) => match dial(&enrolment, &ticket).await {
                    Ok(live) => {
                        let over = carry(live, forge).await;
                        tracing::debug!(address, ?over, "a connection to a forge is over");
                    }
                    Err(over) => tracing::debug!(address, %over, "the hub is not reached"),
                },
                // The hub's patience ends by itself if nobody hears this.
                Err(problem) => {
                    refusals.send((ticket, problem)).await.ok();
                }
            }
        });
    }
}

async fn connect(address: &str) -> Result<TcpStream, Problem> {
    let refused = |why: String| {
        Problem::new(Code::ForgeUnreachable, format!("The runner cannot connect to it: {why}."))
            .hint(format!("Check that `{address}` is up and can be reached from the runner."))
    };
    match timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(refused(error.to_string())),
        Err(_) => Err(refused(format!("no answer in {} seconds", CONNECT.as_secs()))),
    }
}

/// Hands bytes on until either end hangs up.
async fn carry(mut live: pilot_link::RunnerLive, forge: TcpStream) -> Result<(), Over> {
    let sender = live.sender();
    let (mut reader, mut writer) = forge.into_split();
    let out = async {
        let mut buffer = vec![0; MAX_TUNNEL_FRAME];
        loop {
            let read = reader.read(&mut buffer).await?;
            if read == 0 {
                return Ok::<(), Over>(());
            }
            sender.send_bulk(&BulkHead::Tunnel, &Bytes::copy_from_slice(&buffer[..read])).await?;
        }
    };
    let back = async {
        loop {
            match live.recv().await? {
                Incoming::Bulk(BulkHead::Tunnel, bytes) => writer.write_all(&bytes).await?,
                Incoming::Message(_) | Incoming::Bulk(..) | Incoming::Malformed { .. } => {
                    tracing::debug!("something on a way that does not belong there");
                }
            }
        }
    };
    let over = tokio::select! {
        over = out => over,
        over = back => over,
    };
    // What is queued for the hub still goes out.
    live.close().await;
    over
}
