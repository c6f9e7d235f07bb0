//! A visit to the walls of a run at work: a person's own command, started
//! through the run's socket on the runner's machine. The other end is the
//! shim's.

use crate::run_dir::RunDir;
use crate::shim::Streams;
use crate::shim_socket::{self, FromShim, GuestStream, MAX_LINE, ToShim};
use pilot_proto::{Code, Problem, RunId};
use std::io;
use std::path::Path;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedReadHalf;

/// Of standard input, at once.
const PIECE: usize = 16 * 1024;

/// Runs `command` in the walls of `run`, whose runner keeps its files in `data`.
/// Returns its exit code.
pub async fn visit<I, O, E>(
    data: &Path,
    run: RunId,
    command: Vec<String>,
    streams: Streams<I, O, E>,
) -> Result<i32, Problem>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    let dir = RunDir::of(data, run);
    if !dir.path().exists() {
        let message = "The task's run is not on this machine, or is over.";
        return Err(Problem::new(Code::Precondition, message)
            .hint("Say it on the machine of its runner: `pilot task show` names it."));
    }
    let gone = |error: io::Error| {
        let message = format!("The task's run does not answer: {error}.");
        Problem::new(Code::Precondition, message).hint("`pilot task show` says where it stands.")
    };
    let stream = shim_socket::connect(&dir).await.map_err(gone)?;
    let (reader, mut writer) = stream.into_split();
    let Streams { mut input, mut output, mut error } = streams;
    let wanted =
        shim_socket::line(&ToShim::Guest { command }).map_err(|error| gone(error.into()))?;
    writer.write_all(&wanted).await.map_err(gone)?;
    let feed = async {
        let mut buffer = vec![0; PIECE];
        loop {
            let read = input.read(&mut buffer).await.unwrap_or(0);
            let message = match read {
                0 => ToShim::InputEnds,
                read => ToShim::Input { bytes: buffer[..read].to_vec() },
            };
            let Ok(line) = shim_socket::line(&message) else { break };
            if writer.write_all(&line).await.is_err() || read == 0 {
                break;
            }
        }
        // What the command says is still to come.
        std::future::pending::<()>().await;
    };
    let listen = listen(reader, &mut output, &mut error);
    tokio::pin!(feed, listen);
    loop {
        tokio::select! {
            () = &mut feed => {}
            ended = &mut listen => return ended.map_err(gone)?,
        }
    }
}

async fn listen<O, E>(
    reader: OwnedReadHalf,
    output: &mut O,
    error: &mut E,
) -> io::Result<Result<i32, Problem>>
where
    O: AsyncWrite + Unpin,
    E: AsyncWrite + Unpin,
{
    let mut lines = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut lines).take(MAX_LINE as u64).read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match serde_json::from_slice(&line)? {
            FromShim::GuestSaid { stream: GuestStream::Out, bytes } => {
                output.write_all(&bytes).await?;
                output.flush().await?;
            }
            FromShim::GuestSaid { stream: GuestStream::Error, bytes } => {
                error.write_all(&bytes).await?;
                error.flush().await?;
            }
            FromShim::GuestGone { problem: Some(problem), .. } => return Ok(Err(problem)),
            FromShim::GuestGone { code, .. } => return Ok(Ok(code.unwrap_or(1))),
            // Where the journal is, and words of tunnels: for a daemon.
            FromShim::At { .. } | FromShim::Opened | FromShim::Refused { .. } => {}
        }
    }
}
