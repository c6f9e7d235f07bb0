//! Frames of a tunnel on a stream of bytes, between daemon, shim and what runs
//! inside: a byte that says the kind, four bytes of length (big-endian), and
//! the rest.

use pilot_proto::tunnel::MAX_TUNNEL_FRAME;
use std::io::{self, Read};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const BYTES: u8 = 0;
const TEXT: u8 = 1;
const SIZE: u8 = 2;
const HEAD: usize = 5;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Of the stream itself.
    Bytes(Vec<u8>),
    /// About it.
    Text(String),
    /// Only towards a terminal's program: be of this size.
    Size {
        /// Characters in a row.
        columns: u16,
        /// Rows.
        rows: u16,
    },
}

impl Frame {
    /// As it travels.
    pub(crate) fn encoded(&self) -> Vec<u8> {
        let (kind, body) = match self {
            Self::Bytes(bytes) => (BYTES, bytes.clone()),
            Self::Text(text) => (TEXT, text.clone().into_bytes()),
            Self::Size { columns, rows } => {
                (SIZE, [columns.to_be_bytes(), rows.to_be_bytes()].concat())
            }
        };
        let mut encoded = Vec::with_capacity(HEAD + body.len());
        encoded.push(kind);
        encoded.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
        encoded.extend_from_slice(&body);
        encoded
    }

    fn decoded(kind: u8, body: Vec<u8>) -> io::Result<Self> {
        let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        match (kind, body.as_slice()) {
            (BYTES, _) => Ok(Self::Bytes(body)),
            (TEXT, _) => String::from_utf8(body).map(Self::Text).map_err(|_| broken("no text")),
            (SIZE, [c1, c2, r1, r2]) => Ok(Self::Size {
                columns: u16::from_be_bytes([*c1, *c2]),
                rows: u16::from_be_bytes([*r1, *r2]),
            }),
            _ => Err(broken("a frame of no kind that we know")),
        }
    }
}

fn length(head: [u8; HEAD]) -> io::Result<usize> {
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_TUNNEL_FRAME {
        let message = format!("a frame of {length} bytes is over {MAX_TUNNEL_FRAME}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(length)
}

/// The next frame; none at the end. Not cancel-safe.
pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Frame>> {
    let mut head = [0; HEAD];
    match from.read_exact(&mut head).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut body = vec![0; length(head)?];
    from.read_exact(&mut body).await?;
    Frame::decoded(head[0], body).map(Some)
}

/// As [`read`], for a program without a runtime.
pub(crate) fn read_blocking(from: &mut impl Read) -> io::Result<Option<Frame>> {
    let mut head = [0; HEAD];
    match from.read_exact(&mut head) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut body = vec![0; length(head)?];
    from.read_exact(&mut body)?;
    Frame::decoded(head[0], body).map(Some)
}

/// Writes a frame.
pub(crate) async fn write(to: &mut (impl AsyncWrite + Unpin), frame: &Frame) -> io::Result<()> {
    to.write_all(&frame.encoded()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_out_as_they_went_in_and_nonsense_is_an_error() {
        let frames = [
            Frame::Bytes(vec![0, 1, 255]),
            Frame::Text("{}".into()),
            Frame::Size { columns: 80, rows: 24 },
            Frame::Bytes(vec![7; MAX_TUNNEL_FRAME]),
        ];
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encoded).collect();
        let (mut all, mut blocking) = (bytes.as_slice(), bytes.as_slice());
        for frame in frames {
            assert_eq!(read(&mut all).await.expect("whole"), Some(frame.clone()));
            assert_eq!(read_blocking(&mut blocking).expect("whole"), Some(frame));
        }
        assert_eq!(read(&mut all).await.expect("the end is none"), None);
        for bad in
            [&[0, 0, 1, 0, 1][..], &[9, 0, 0, 0, 0], &[1, 0, 0, 0, 1, 0xff], &[0, 0, 0, 0, 2, 1]]
        {
            let mut bad_too = bad;
            assert!(read(&mut bad_too).await.is_err(), "{bad:?}");
            let mut bad_too = bad;
            assert!(read_blocking(&mut bad_too).is_err(), "{bad:?}");
        }
    }
}
