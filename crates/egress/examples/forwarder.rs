//! A walls' first process, as small as it can be: listens, forwards to the gate
//! at a path, and runs one command with the environment for it.
//!
//! `inside UPLINK PORT,PORT… COMMAND [ARGUMENT…]`

use pilot_egress::inside::{self, Listeners};
use pilot_egress::uplink::Uplink;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [uplink, ports, command, rest @ ..] = arguments.as_slice() else {
        return Err(io::Error::other("usage: inside UPLINK PORT,PORT… COMMAND [ARGUMENT…]"));
    };
    inside::prepare_loopback()?;
    let ports = ports.split(',').filter_map(|port| port.parse().ok()).collect();
    let listeners = Listeners::bind(&ports)
        .map_err(|error| io::Error::other(format!("{error}: {}", error.source)))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let uplink = Uplink::connect(Path::new(uplink))?;
        let mut child = tokio::process::Command::new(command)
            .args(rest)
            .envs(inside::environment())
            .kill_on_drop(true)
            .spawn()?;
        tokio::select! {
            status = child.wait() => {
                let code = status?.code().and_then(|code| u8::try_from(code).ok());
                Ok(ExitCode::from(code.unwrap_or(u8::MAX)))
            }
            forwarded = inside::forward(listeners, uplink, CancellationToken::new()) => {
                forwarded?;
                Err(io::Error::other("the gate is gone"))
            }
        }
    })
}
