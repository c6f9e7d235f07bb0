//! The shim's end of the run's socket.

use super::guest::{self, Feed, Guest};
use super::log::End;
use super::visits::Visitor;
use crate::shim_socket::{self, FromShim, MAX_LINE, ToShim, check_peer};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// How long output waits that nobody reads: every word to a daemon goes on to a
/// hub, and forty runs at fifty lines a second would wake both two thousand
/// times. A console that begins to read misses so much for so long.
const UNWATCHED: Duration = Duration::from_millis(200);

/// What the shim hears at its door.
pub(super) enum Said {
    /// From its daemon.
    Daemon(ToShim),
    /// A person's command wants in.
    Guest(Guest),
    /// Somebody who came through a tunnel.
    Visitor(Visitor),
}

/// Lets daemons in, tells them how far the journal is, and hands on what they
/// say. Ends only with its owner.
pub(super) async fn serve(
    listener: UnixListener,
    end: watch::Receiver<End>,
    said: mpsc::Sender<Said>,
) {
    let mut guests = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => match check_peer(&stream) {
                    Ok(()) => {
                        guests.spawn(host(stream, end.clone(), said.clone()));
                    }
                    Err(error) => tracing::warn!(%error, "somebody was not let in"),
                },
                Err(error) => {
                    // Out of descriptors; the daemon comes again.
                    tracing::warn!(%error, "nobody can be let in");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            },
            Some(_) = guests.join_next() => {}
        }
    }
}

async fn host(stream: UnixStream, end: watch::Receiver<End>, said: mpsc::Sender<Said>) {
    match talk(stream, end, &said).await {
        // Nobody hears of them any more when the shim ends.
        Ok(Some(visitor)) => drop(said.send(Said::Visitor(visitor)).await),
        Ok(None) => {}
        Err(error) => tracing::debug!(%error, "a daemon hung up"),
    }
}

/// Talks with a daemon until it hangs up, or says that it brings a visitor.
async fn talk(
    stream: UnixStream,
    mut end: watch::Receiver<End>,
    said: &mpsc::Sender<Said>,
) -> io::Result<Option<Visitor>> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::with_capacity(1024, reader).take(MAX_LINE as u64);
    let mut line = Vec::new();
    let (mut told, mut watched) = (None, true);
    let (mut feed, mut guest_says) = (None::<Feed>, None);
    loop {
        let is_free = feed.as_ref().is_none_or(Feed::is_free);
        tokio::select! {
            Some(message) = hear_guest(&mut guest_says) => {
                writer.write_all(&shim_socket::line(&message)?).await?;
                if matches!(message, FromShim::GuestGone { .. }) {
                    return Ok(None);
                }
            }
            () = give(&mut feed), if !is_free => {}
            word = word(&mut end, told, watched), if guest_says.is_none() => {
                let Some(now) = word else { return Ok(None) };
                told = Some(now);
                let at = FromShim::At { end: now.cursor, finished: now.finished };
                writer.write_all(&shim_socket::line(&at)?).await?;
            }
            // Keeps what it read in `line` when it is cancelled.
            read = reader.read_until(b'\n', &mut line), if is_free => {
                if read? == 0 {
                    return Ok(None);
                }
                reader.set_limit(MAX_LINE as u64);
                match serde_json::from_slice(&line) {
                    Ok(ToShim::Watched { on }) => watched = on,
                    Ok(ToShim::Guest { command }) if feed.is_none() => {
                        let (guest, input, told) = guest::invite(command);
                        (feed, guest_says) = (Some(input), Some(told));
                        if said.send(Said::Guest(guest)).await.is_err() {
                            return Ok(None);
                        }
                    }
                    Ok(ToShim::Tunnel { wish }) => {
                        return Ok(Some(Visitor { wish, reader: reader.into_inner(), writer }));
                    }
                    Ok(message) => {
                        let for_guest = feed.as_mut().is_some_and(|feed| feed.hear(&message));
                        if !for_guest && said.send(Said::Daemon(message)).await.is_err() {
                            return Ok(None);
                        }
                    }
                    Err(error) => tracing::warn!(%error, "the daemon said something odd"),
                }
                line.clear();
            }
        }
    }
}

/// What the person's command says; never anything where there is none.
async fn hear_guest(told: &mut Option<mpsc::Receiver<FromShim>>) -> Option<FromShim> {
    match told {
        Some(told) => told.recv().await,
        None => std::future::pending().await,
    }
}

/// Gives the person's command what was said to it.
async fn give(feed: &mut Option<Feed>) {
    match feed {
        Some(feed) => feed.give().await,
        None => std::future::pending().await,
    }
}

/// Where the journal ends, when that is worth a word after what was `told`;
/// none if nothing follows. Cancel-safe.
async fn word(end: &mut watch::Receiver<End>, told: Option<End>, watched: bool) -> Option<End> {
    end.wait_for(|end| Some(*end) != told).await.ok()?;
    if !watched {
        let presses =
            |end: &End| end.finished || told.is_none_or(|told| told.pressing != end.pressing);
        // When the time is up, the output has waited long enough.
        drop(tokio::time::timeout(UNWATCHED, end.wait_for(presses)).await);
    }
    Some(*end.borrow())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pilot_proto::Cursor;

    fn end(seq: u64, pressing: u64) -> End {
        End { cursor: Cursor { epoch: 1, seq }, finished: false, pressing }
    }

    /// What is ready without any wait.
    async fn at_once(word: impl Future<Output = Option<End>>) -> Option<End> {
        tokio::select! {
            biased;
            word = word => word,
            () = std::future::ready(()) => None,
        }
    }

    #[tokio::test]
    async fn output_that_nobody_reads_waits_and_nothing_else_does() {
        let (journal, mut seen) = watch::channel(end(4, 4));
        let first = at_once(word(&mut seen, None, false)).await;
        assert_eq!(first, Some(end(4, 4)), "the daemon learns where the journal is");
        assert_eq!(at_once(word(&mut seen, first, true)).await, None, "and is not told twice");

        journal.send_replace(end(5, 4));
        assert_eq!(at_once(word(&mut seen, first, false)).await, None, "a line waits");
        assert_eq!(
            at_once(word(&mut seen, first, true)).await,
            Some(end(5, 4)),
            "read, it does not"
        );
        assert_eq!(word(&mut seen, first, false).await, Some(end(5, 4)), "nor for ever");

        journal.send_replace(end(6, 6));
        let pressing = at_once(word(&mut seen, Some(end(5, 4)), false)).await;
        assert_eq!(pressing, Some(end(6, 6)), "a question comes at once");
        drop(journal);
        assert_eq!(word(&mut seen, Some(end(6, 6)), false).await, None, "the shim ends");
    }
}
