//! The name that a TLS client asks for, read from its first message without
//! answering it (RFC 8446 §4.1.2, RFC 6066 §3).

use crate::stream::Stream;
use rustls::server::Acceptor;
use std::io;
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Hellos with post-quantum keys and tickets are a few kilobytes.
const MOST_BYTES: usize = 64 * 1024;
/// From the first byte to the last; slower is no client but an attack.
const DEADLINE: Duration = Duration::from_secs(15);
/// The record type of a handshake (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

/// What a client said first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// TLS for this name, or for none.
    Tls(Option<String>),
    /// Looks like TLS and is not a hello that can be understood.
    Broken,
    /// Something else.
    Other,
    /// Nothing: it closed.
    Nothing,
}

/// Reads the client's opening and puts it back, so that it can be sent on.
pub(crate) async fn read(client: &mut Stream) -> io::Result<Opening> {
    let mut bytes = Vec::new();
    let opening = tokio::time::timeout(DEADLINE, parse(client, &mut bytes)).await;
    client.put_back(&bytes);
    opening.unwrap_or(Ok(Opening::Broken))
}

async fn parse(client: &mut Stream, bytes: &mut Vec<u8>) -> io::Result<Opening> {
    let mut acceptor = Acceptor::default();
    let mut piece = [0; 4096];
    loop {
        let count = client.read(&mut piece).await?;
        if count == 0 {
            return Ok(if bytes.is_empty() { Opening::Nothing } else { Opening::Broken });
        }
        bytes.extend_from_slice(&piece[..count]);
        if bytes[0] != HANDSHAKE {
            return Ok(Opening::Other);
        }
        let mut rest = &piece[..count];
        while !rest.is_empty() {
            if !matches!(acceptor.read_tls(&mut rest), Ok(1..)) {
                return Ok(Opening::Broken);
            }
            match acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => {
                    let name = accepted.client_hello().server_name().map(str::to_owned);
                    return Ok(Opening::Tls(name));
                }
                Err(_) => return Ok(Opening::Broken),
            }
        }
        if bytes.len() > MOST_BYTES {
            return Ok(Opening::Broken);
        }
    }
}

/// Fatal alerts (RFC 8446 §6.2), which tools print by name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Alert {
    /// `access_denied`.
    Denied = 49,
    /// `unrecognized_name`.
    Name = 112,
    /// `internal_error`.
    Unreachable = 80,
}

impl Alert {
    /// The record, before any key was agreed on.
    pub(crate) fn record(self) -> [u8; 7] {
        [21, 3, 3, 0, 2, 2, self as u8]
    }
}
