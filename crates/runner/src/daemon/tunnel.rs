//! The daemon's part of a tunnel: between the run's shim and a connection of
//! its own to the hub. See [`pilot_proto::tunnel`].

use super::allowed::SCREENS;
use super::core::Daemon;
use super::enrolment::Enrolment;
use crate::frames::{self, Frame};
use crate::run_dir::RunDir;
use crate::shim_socket::{self, FromShim, MAX_LINE, ToShim};
use pilot_link::{Closed, Deadlines, DialError, Greeting, Incoming, RunnerLive, SendError};
use pilot_proto::runner::{BulkHead, Role, ToHub, ToRunner};
use pilot_proto::screen::ScreenServer;
use pilot_proto::tunnel::{MAX_TUNNEL_FRAME, TunnelEnd, TunnelWish};
use pilot_proto::{Code, Problem, Secret};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::OwnedSemaphorePermit;

/// For the shim's word whether the tunnel opens: a desktop that it starts for it
/// may take twice 20 s, and is told of then.
const PATIENCE: Duration = Duration::from_secs(50);

/// Tunnels of one runner. A page with everything on it has a dozen.
pub(super) const MOST: usize = 256;

/// Why a tunnel is over.
#[derive(Debug, thiserror::Error)]
pub(super) enum Over {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("the socket broke")]
    Socket(#[from] io::Error),
}

impl Daemon {
    /// The hub has a visitor for a run.
    pub(super) fn open_tunnel(&mut self, ticket: Secret, wish: TunnelWish) {
        let run = wish.run;
        let Some(held) = self.runs.get(&run) else {
            return self.refuse_tunnel(ticket, gone());
        };
        let place = match self.check_screen(&wish).and_then(|()| self.tunnel_place()) {
            Ok(place) => place,
            Err(problem) => return self.refuse_tunnel(ticket, problem),
        };
        let (dir, enrolment) = (held.dir.clone(), self.enrolment().clone());
        let refusals = self.refusals();
        self.tasks.spawn(async move {
            match knock(&dir, wish).await {
                Ok(shim) => {
                    if let Err(over) = carry(&enrolment, &ticket, shim, place).await {
                        tracing::debug!(%run, %over, "a tunnel is over");
                    }
                }
                Err(problem) => {
                    // The hub's patience ends by itself if nobody hears this.
                    refusals.send((ticket, problem)).await.ok();
                }
            }
        });
    }

    fn check_screen(&self, wish: &TunnelWish) -> Result<(), Problem> {
        let TunnelEnd::Attach { server: Some(ScreenServer { address, .. }) } = &wish.to else {
            return Ok(());
        };
        SCREENS.check(&self.options.data, address)
    }

    pub(super) fn tunnel_place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = std::sync::Arc::clone(&self.tunnels).try_acquire_owned();
        place.map_err(|_| {
            let message = format!("The runner has {MOST} tunnels already.");
            Problem::new(Code::Precondition, message)
        })
    }

    pub(super) fn refuse_tunnel(&self, ticket: Secret, problem: Problem) {
        if let Some(outgoing) = &self.outgoing {
            outgoing.say(ToHub::TunnelRefused { ticket, problem });
        }
    }
}

fn gone() -> Problem {
    Problem::new(Code::Precondition, "The run is not on its runner any more.")
}

/// The shim's end.
struct AtShim {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

/// Asks the shim to let the visitor in.
async fn knock(dir: &RunDir, wish: TunnelWish) -> Result<AtShim, Problem> {
    let unheard = |error: io::Error| {
        Problem::new(Code::Precondition, format!("The run's shim does not answer: {error}."))
            .hint("It may just be ending.")
    };
    let asked = async {
        let stream = shim_socket::connect(dir).await?;
        let (reader, mut writer) = stream.into_split();
        writer.write_all(&shim_socket::line(&ToShim::Tunnel { wish })?).await?;
        let mut reader = BufReader::new(reader);
        loop {
            let mut line = Vec::new();
            let read = (&mut reader).take(MAX_LINE as u64).read_until(b'\n', &mut line).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match serde_json::from_slice(&line)? {
                // What everybody is told first; the rest is for a person's command.
                FromShim::At { .. } | FromShim::GuestSaid { .. } | FromShim::GuestGone { .. } => {}
                FromShim::Opened => return Ok(Ok(AtShim { reader, writer })),
                FromShim::Refused { problem } => return Ok(Err(problem)),
            }
        }
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(unheard)?,
        Err(_) => Err(unheard(io::ErrorKind::TimedOut.into())),
    }
}

/// A connection of its own to the hub, for the tunnel with that ticket.
pub(super) async fn dial(enrolment: &Enrolment, ticket: &Secret) -> Result<RunnerLive, Over> {
    let greeting =
        Greeting { runner: enrolment.runner, role: Role::Tunnel, about: None, runs: Vec::new() };
    let dialled =
        pilot_link::dial(&enrolment.endpoint, &enrolment.key, greeting, Deadlines::default())
            .await?;
    dialled.live.sender().send(&ToHub::Tunnel { ticket: ticket.clone() }).await?;
    Ok(dialled.live)
}

/// Dials, and hands frames on until either end hangs up.
async fn carry(
    enrolment: &Enrolment,
    ticket: &Secret,
    shim: AtShim,
    _place: OwnedSemaphorePermit,
) -> Result<(), Over> {
    let mut live = dial(enrolment, ticket).await?;
    let sender = live.sender();
    let AtShim { mut reader, mut writer } = shim;
    let out = async {
        while let Some(frame) = frames::read(&mut reader).await? {
            match frame {
                Frame::Bytes(bytes) => sender.send_bulk(&BulkHead::Tunnel, &bytes).await?,
                Frame::Text(text) => sender.send(&ToHub::TunnelText { text }).await?,
                Frame::Size { .. } => {}
            }
        }
        Ok::<(), Over>(())
    };
    let back = async {
        loop {
            match live.recv().await? {
                Incoming::Bulk(BulkHead::Tunnel, bytes) if bytes.is_empty() => {
                    frames::write(&mut writer, &Frame::Bytes(Vec::new())).await?;
                }
                Incoming::Bulk(BulkHead::Tunnel, bytes) => {
                    for piece in bytes.chunks(MAX_TUNNEL_FRAME) {
                        frames::write(&mut writer, &Frame::Bytes(piece.to_vec())).await?;
                    }
                }
                Incoming::Message(ToRunner::TunnelText { text })
                    if text.len() <= MAX_TUNNEL_FRAME =>
                {
                    frames::write(&mut writer, &Frame::Text(text)).await?;
                }
                Incoming::Message(_) | Incoming::Bulk(..) | Incoming::Malformed { .. } => {
                    tracing::debug!("something on a tunnel that does not belong there");
                }
            }
        }
    };
    let over = tokio::select! {
        over = out => over,
        over = back => over,
    };
    // What is queued for the console still goes out.
    live.close().await;
    over
}
