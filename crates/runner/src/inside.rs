//! The init of a run's walls: the first process inside. It hands everything
//! that wants out to the run's gate, and starts what the shim asks for.

pub mod port;
pub mod terminal;

use pilot_egress::inside::{BindError, Listeners, forward, prepare_loopback};
use pilot_egress::uplink::Uplink;
use pilot_sandbox::inside::{InsideError, enter};
use std::collections::BTreeSet;
use std::io;
use tokio_util::sync::CancellationToken;

/// The argument by which our program becomes an init.
pub const COMMAND: &str = "walls-init";
/// The argument behind it where the walls have a network of their own.
pub const APART: &str = "apart";

/// The init could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// It could not confine itself, or lost the shim.
    #[error(transparent)]
    Inside(#[from] InsideError),
    /// It could not listen for what wants out.
    #[error(transparent)]
    Listen(#[from] BindError),
    /// The system gave it no runtime, or no watch on a socket.
    #[error("the init of the walls could not be set up")]
    Process(#[from] io::Error),
}

/// The init's program, with what stands behind [`COMMAND`]. To be called before
/// there is a second thread; returns when the shim is gone, or wants it to end.
pub fn main(arguments: &[String]) -> Result<(), InitError> {
    if arguments.iter().any(|argument| argument == APART)
        && let Err(error) = prepare_loopback()
    {
        tracing::warn!(%error, "some programs will not look up names");
    }
    let entered = enter()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let gate = entered.gates.into_iter().next().filter(|_| entered.own_network);
        let forwarding = match gate {
            // Which ports the policy names, the gate says as soon as it serves.
            Some(gate) => Some((Listeners::bind(&BTreeSet::new())?, Uplink::new(gate)?)),
            None => None,
        };
        let forward = async {
            if let Some((listeners, uplink)) = forwarding
                && let Err(error) = forward(listeners, uplink, stop.clone()).await
            {
                tracing::warn!(%error, "the way to the gate broke");
            }
            // The gate is the shim's, whose end `serve` sees as well.
            stop.cancelled().await;
        };
        tokio::select! {
            served = entered.inside.serve() => Ok(served?),
            () = forward => Ok(()),
        }
    })
}
