//! `pilot task terminal` and `pilot task forward`: tunnels into a run.

use super::find;
use crate::args::{Globals, TaskForward, TaskTerminal};
use crate::commands::Done;
use crate::output;
use anyhow::Context;
use pilot_client::{Client, Forward, TunnelFrame, TunnelReceiver, TunnelSender};
use pilot_proto::tunnel::{FromTerminal, ToTerminal, TunnelQuery};
use pilot_proto::{Code, Problem};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{self, Read, Write};
use std::time::Duration;
use tokio::sync::mpsc;

/// Ctrl-], as in telnet: no shell and no editor wants it.
const LEAVE: u8 = 0x1d;
/// How often the window's size is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// The person's own terminal, raw as long as this lives.
struct Raw(Termios);

impl Raw {
    fn begin() -> io::Result<Option<Self>> {
        if !isatty(io::stdin()) {
            return Ok(None);
        }
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Some(Self(before)))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // There is no better place to say that it failed than a broken terminal.
        tcsetattr(io::stdin(), OptionalActions::Now, &self.0).ok();
    }
}

pub(super) async fn run(
    globals: &Globals,
    hub: &Client,
    words: TaskTerminal,
) -> anyhow::Result<Done> {
    let task = find(hub, &words.task).await?;
    let query = TunnelQuery { task, port: None, screen: None, view: Some(words.view) };
    let (sender, receiver) = hub.tunnel(&query).await?;
    let raw = Raw::begin().context("this terminal cannot be used")?;
    if raw.is_some() {
        output::note("a terminal in the run's walls; Ctrl-] leaves it\r");
    }
    let end = attach(sender, receiver, raw.is_some()).await;
    drop(raw);
    let end = end?;
    output::show(globals, &serde_json::json!({ "task": task, "end": end }), || end.clone())?;
    Ok(Done::Well)
}

/// Until either side leaves; why, in a sentence.
async fn attach(
    mut sender: TunnelSender,
    mut receiver: TunnelReceiver,
    follow_size: bool,
) -> anyhow::Result<String> {
    let (typed, mut keys) = mpsc::channel(16);
    // A read of the terminal cannot be given up; it ends with this process.
    std::thread::spawn(move || type_in(&typed));
    let mut size = None;
    let mut look = tokio::time::interval(LOOK);
    let mut open = true;
    loop {
        tokio::select! {
            typed = keys.recv(), if open => match typed {
                Some(bytes) if bytes.contains(&LEAVE) && follow_size => {
                    sender.close().await;
                    return Ok("left; the shell goes on".to_owned());
                }
                Some(bytes) => sender.send(TunnelFrame::Bytes(bytes.into())).await?,
                // A file was typed in; what it does is still shown.
                None => open = false,
            },
            frame = receiver.next() => match frame? {
                Some(TunnelFrame::Bytes(bytes)) => show(&bytes)?,
                Some(TunnelFrame::Text(text)) => {
                    if let Ok(FromTerminal::Ended { why, .. }) = serde_json::from_str(&text) {
                        return Ok(why);
                    }
                }
                None => return Ok("the tunnel has ended".to_owned()),
            },
            _ = look.tick(), if follow_size => {
                let now = tcgetwinsize(io::stdout()).ok().map(|size| (size.ws_col, size.ws_row));
                if let Some((columns, rows)) = now.filter(|_| now != size) {
                    size = now;
                    let text = serde_json::to_string(&ToTerminal::Resize { columns, rows })?;
                    sender.send(TunnelFrame::Text(text)).await?;
                }
            }
        }
    }
}

fn show(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

fn type_in(typed: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = io::stdin().lock().read(&mut buffer) {
        if typed.blocking_send(buffer[..read].to_vec()).is_err() {
            return;
        }
    }
}

pub(super) async fn forward(
    globals: &Globals,
    hub: &Client,
    words: TaskForward,
) -> anyhow::Result<Done> {
    let task = find(hub, &words.task).await?;
    let forward = Forward::listen(hub.clone(), task, words.port, words.local).await;
    let forward = forward.map_err(|error| {
        let port = words.local.unwrap_or(words.port);
        let message = format!("port {port} of this machine cannot be listened on: {error}");
        Problem::new(Code::Precondition, message).hint("choose another `--local`")
    })?;
    let address = forward.address();
    output::show(globals, &serde_json::json!({ "task": task, "local": address }), || {
        format!("http://{address} is port {} of the run; Ctrl-C ends it", words.port)
    })?;
    let broke = |error| output::note(&format!("a connection broke: {error}"));
    tokio::select! {
        error = forward.serve(broke) => Err(error).context("no connection can be taken any more"),
        stopped = tokio::signal::ctrl_c() => {
            stopped?;
            Ok(Done::Well)
        }
    }
}
