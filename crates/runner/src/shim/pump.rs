//! Reads a process' pipe into the shim's one task, with back-pressure.

use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

/// What a pipe gave.
#[derive(Debug)]
pub(super) enum Piece {
    /// Bytes, cut anywhere.
    Bytes(Vec<u8>),
    /// Nothing for a while, in the middle of a line.
    Quiet,
    /// The end.
    End,
}

/// A pipe's buffer in the kernel: as much as one read can give.
const READ: usize = 64 * 1024;
/// So long a line waits for its end before it is shown without.
const QUIET: Duration = Duration::from_millis(200);

/// Reads until the end. While the receiver is busy, what comes in meanwhile is
/// gathered, so that a chatty process costs few messages and a slow one no
/// delay; when the gathered is a pipe's worth, the process has to wait.
pub(super) async fn pump<T>(
    mut pipe: impl AsyncRead + Unpin,
    to: mpsc::Sender<T>,
    label: impl Fn(Piece) -> T,
) {
    let mut gathered: Vec<u8> = Vec::new();
    // The last byte handed on did not end a line.
    let mut in_line = false;
    let mut at_end = false;
    loop {
        if at_end && gathered.is_empty() {
            break;
        }
        let room = READ.saturating_sub(gathered.len());
        // `read_buf` fills what is reserved and no more.
        gathered.reserve_exact(room);
        tokio::select! {
            biased;
            permit = to.reserve(), if !gathered.is_empty() => {
                let Ok(permit) = permit else { return };
                in_line = gathered.last() != Some(&b'\n');
                permit.send(label(Piece::Bytes(std::mem::take(&mut gathered))));
            }
            read = pipe.read_buf(&mut gathered), if !at_end && room > 0 => {
                match read {
                    Ok(0) => at_end = true,
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(%error, "a pipe cannot be read");
                        at_end = true;
                    }
                }
            }
            () = tokio::time::sleep(QUIET), if in_line && gathered.is_empty() => {
                in_line = false;
                if to.send(label(Piece::Quiet)).await.is_err() {
                    return;
                }
            }
        }
    }
    // Nobody listening any more is the receiver's business.
    to.send(label(Piece::End)).await.ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn everything_comes_through_in_order_however_slow_the_receiver_is() {
        let (mut writer, reader) = tokio::io::duplex(1000);
        let (to, mut from) = mpsc::channel(1);
        let text: String = (0..20_000).map(|line| format!("{line}\n")).collect();
        let sent = text.clone();
        let (_, _, seen) = tokio::join!(
            async move {
                writer.write_all(sent.as_bytes()).await.expect("the pump reads");
            },
            pump(reader, to, |piece| piece),
            async move {
                let mut seen = Vec::new();
                while let Some(piece) = from.recv().await {
                    match piece {
                        Piece::Bytes(bytes) => {
                            assert!(bytes.len() <= READ, "memory is bounded");
                            seen.extend_from_slice(&bytes);
                        }
                        Piece::Quiet => {}
                        Piece::End => break,
                    }
                    tokio::task::yield_now().await;
                }
                seen
            }
        );
        assert_eq!(String::from_utf8(seen).expect("text"), text);
    }

    #[tokio::test]
    async fn a_line_that_waits_is_told() {
        let (mut writer, reader) = tokio::io::duplex(1000);
        let (to, mut from) = mpsc::channel(1);
        let talk = async move {
            writer.write_all(b"Continue? ").await.expect("the pump reads");
            assert!(matches!(from.recv().await, Some(Piece::Bytes(_))));
            assert!(matches!(from.recv().await, Some(Piece::Quiet)));
            drop(writer);
            assert!(matches!(from.recv().await, Some(Piece::End)), "said once, not again");
        };
        tokio::join!(pump(reader, to, |piece| piece), talk);
    }
}
