//! How a tool is told no, in words that whoever runs it reads.

use crate::hello::Alert;
use crate::stream::Stream;
use std::io;
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// A client that was told no hangs up by itself within this.
const LINGER: Duration = Duration::from_secs(2);

/// The whole message.
pub(super) fn text(place: &str, because: &str) -> String {
    format!(
        "Pilothouse: this run may not reach `{place}` ({because}). A person has been asked; \
         carry on without it or try again later.\n"
    )
}

/// The same on one line, for what only shows the status line.
pub(super) fn phrase(place: &str, because: &str) -> String {
    let line = format!("Blocked by Pilothouse: {place}: {because}");
    line.chars().filter(|char| char.is_ascii() && !char.is_ascii_control()).collect()
}

/// Ends TLS before it began.
pub(super) async fn alert(client: Stream, alert: Alert) -> io::Result<()> {
    say(client, &alert.record()).await
}

/// An error as the git protocol has it (gitprotocol-pack(5)).
pub(super) async fn git(client: Stream, text: &str) -> io::Result<()> {
    let line = format!("ERR {}", text.trim_end());
    say(client, format!("{:04x}{line}", line.len() + 4).as_bytes()).await
}

/// Sends it and waits until it is read: closing at once would reset the
/// connection, and the last words would be lost.
async fn say(mut client: Stream, bytes: &[u8]) -> io::Result<()> {
    client.take_before();
    client.send_all(bytes).await?;
    client.finish();
    let mut rest = [0; 1024];
    let read = async { while matches!(client.read(&mut rest).await, Ok(1..)) {} };
    // Whether it hung up in time makes no difference.
    drop(tokio::time::timeout(LINGER, read).await);
    Ok(())
}
