//! Our own greeting of a desktop's server: we are the client.

use super::password::{CHALLENGE, Password};
use super::{PixelFormat, RfbError, Size, VERSION, encoding, u16_at, u32_at};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// For a server on the same machine, which may be busy with much else.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest name of a screen, and longest reason that is read.
const LONGEST_TEXT: u32 = 4096;

/// A greeting came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum GreetingError {
    /// The connection broke.
    #[error("the connection to the desktop's server broke")]
    Io(#[from] io::Error),
    /// It said what cannot be.
    #[error("the desktop's server: {0}")]
    Rfb(#[from] RfbError),
    /// It said nothing.
    #[error("the desktop's server does not answer")]
    Silent,
}

/// What a server says of its screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInit {
    /// Of the screen.
    pub size: Size,
    /// Its own pixels.
    pub format: PixelFormat,
    /// The message as it came.
    pub message: Vec<u8>,
}

/// Greets a server and comes in beside others.
pub async fn greet(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<ServerInit, GreetingError> {
    greet_with(stream, None).await
}

/// As [`greet`], with a password for a server that wants one.
pub async fn greet_with(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    password: Option<&Password>,
) -> Result<ServerInit, GreetingError> {
    let exchanged = tokio::time::timeout(PATIENCE, exchange(stream, password));
    exchanged.await.map_err(|_| GreetingError::Silent)?
}

/// Ways to log in, as a server names them.
const NO_LOGIN: u8 = 1;
const BY_PASSWORD: u8 = 2;

async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    password: Option<&Password>,
) -> Result<ServerInit, GreetingError> {
    let mut version = [0; VERSION.len()];
    stream.read_exact(&mut version).await?;
    if version != *VERSION {
        return Err(RfbError::Version.into());
    }
    stream.write_all(VERSION).await?;
    let mut kinds = vec![0; usize::from(stream.read_u8().await?)];
    if kinds.is_empty() {
        return Err(RfbError::Login(text(stream).await?).into());
    }
    stream.read_exact(&mut kinds).await?;
    match password {
        Some(password) if kinds.contains(&BY_PASSWORD) => {
            stream.write_all(&[BY_PASSWORD]).await?;
            let mut challenge = [0; CHALLENGE];
            stream.read_exact(&mut challenge).await?;
            stream.write_all(&password.answer(challenge)).await?;
        }
        Some(_) | None if kinds.contains(&NO_LOGIN) => stream.write_all(&[NO_LOGIN]).await?,
        None if kinds.contains(&BY_PASSWORD) => {
            return Err(RfbError::Login("it wants a password".to_owned()).into());
        }
        Some(_) | None => {
            let why = "it wants another login than VNC's password";
            return Err(RfbError::Login(why.to_owned()).into());
        }
    }
    if stream.read_u32().await? != 0 {
        return Err(RfbError::Login(text(stream).await?).into());
    }
    // Shared: others look on.
    stream.write_all(&[1]).await?;
    let mut message = vec![0; 24];
    stream.read_exact(&mut message).await?;
    let size = Size::checked(u16_at(&message, 0), u16_at(&message, 2))?;
    let format: [u8; PixelFormat::LENGTH] =
        message[4..20].try_into().map_err(|_| RfbError::Format)?;
    let format = PixelFormat::read(&format)?;
    let name = bytes(stream, u32_at(&message, 20)).await?;
    message.extend(name);
    Ok(ServerInit { size, format, message })
}

async fn text(stream: &mut (impl AsyncRead + Unpin)) -> Result<String, GreetingError> {
    let length = stream.read_u32().await?;
    Ok(String::from_utf8_lossy(&bytes(stream, length).await?).into_owned())
}

async fn bytes(
    stream: &mut (impl AsyncRead + Unpin),
    length: u32,
) -> Result<Vec<u8>, GreetingError> {
    if length > LONGEST_TEXT {
        return Err(RfbError::Size { what: "a text", value: length.into() }.into());
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// A pixel format of 32 bits, depth 24, little-endian, red 0, green 8, blue 16:
/// the bytes of a pixel are red, green, blue and one that says nothing.
pub const RED_FIRST: [u8; PixelFormat::LENGTH] =
    [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0];

/// What a server says from its first byte on, up to where updates begin, to a
/// client that did not greet it itself. The pixels are [`RED_FIRST`].
pub fn as_server(message: &[u8]) -> Vec<u8> {
    let mut init = message.to_vec();
    init[4..4 + PixelFormat::LENGTH].copy_from_slice(&RED_FIRST);
    [&VERSION[..], &[1, 1], &[0; 4], &init].concat()
}

/// All that is said to a server that wants no login, at once: nothing in its
/// greeting has to be waited for.
pub const AT_ONCE: &[u8; VERSION.len() + 2] = b"RFB 003.008\n\x01\x01";

/// Reads what [`as_server`] wrote, and how many bytes that were; none: it is
/// not whole yet.
pub fn read_as_server(said: &[u8]) -> Result<Option<(ServerInit, usize)>, RfbError> {
    let read = read_greeting(said)?;
    if read.as_ref().is_some_and(|(init, _)| init.message[4..20] != RED_FIRST) {
        return Err(RfbError::Format);
    }
    Ok(read)
}

/// Reads what a server without a login says to [`AT_ONCE`], whatever its own
/// pixels, and how many bytes that were; none: it is not whole yet.
pub(crate) fn read_greeting(said: &[u8]) -> Result<Option<(ServerInit, usize)>, RfbError> {
    const BEFORE: usize = VERSION.len() + 6;
    const FIXED: usize = BEFORE + 24;
    let begin = [&VERSION[..], &[1, 1], &[0; 4]].concat();
    let known = said.len().min(BEFORE);
    if said[..known] != begin[..known] {
        return Err(RfbError::Version);
    }
    if said.len() < FIXED {
        return Ok(None);
    }
    let name = u32_at(said, FIXED - 4);
    if name > LONGEST_TEXT {
        return Err(RfbError::Size { what: "a text", value: name.into() });
    }
    let format = said[BEFORE + 4..BEFORE + 4 + PixelFormat::LENGTH].try_into();
    let format = PixelFormat::read(&format.map_err(|_| RfbError::Format)?)?;
    let size = Size::checked(u16_at(said, BEFORE), u16_at(said, BEFORE + 2))?;
    let end = FIXED + usize::try_from(name).unwrap_or(usize::MAX);
    Ok(said.get(BEFORE..end).map(|message| {
        let init = ServerInit { size, format, message: message.to_vec() };
        (init, end)
    }))
}

/// Says which pixels we want.
pub(crate) fn pixel_format() -> Vec<u8> {
    [&[0; 4][..], &RED_FIRST].concat()
}

/// Says which pixels we want, and in which encodings.
pub fn preferences(encodings: &[i32]) -> Vec<u8> {
    [pixel_format(), set_encodings(encodings)].concat()
}

/// `SetEncodings` (RFC 6143, 7.5.2).
fn set_encodings(encodings: &[i32]) -> Vec<u8> {
    let mut bytes = vec![2, 0];
    bytes.extend_from_slice(&u16::try_from(encodings.len()).unwrap_or(0).to_be_bytes());
    bytes.extend(encodings.iter().flat_map(|encoding| encoding.to_be_bytes()));
    bytes
}

/// What is said for a viewer who has said nothing yet: Xvnc hangs up on those who
/// cannot be told a size when the desktop gets another one.
pub fn until_they_speak() -> Vec<u8> {
    set_encodings(&[encoding::RAW, encoding::DESKTOP_SIZE])
}

/// What pictures are taken in: pixels as they are, without the pointer, which
/// Xvnc draws in for a client that cannot. Of the two ways to be told a size the
/// plain one: Xvnc answers each question for the whole screen with the other,
/// and with no pixel.
pub const FOR_PICTURES: &[i32] = &[encoding::RAW, encoding::CURSOR, encoding::DESKTOP_SIZE];

/// What is recorded: small, and JPEG where much moves. The server sends it
/// again without loss when it has come to rest.
pub const FOR_RECORDING: &[i32] = &[
    encoding::TIGHT,
    encoding::COPY_RECT,
    *encoding::QUALITY.start() + 6,
    encoding::CURSOR,
    encoding::DESKTOP_SIZE,
    encoding::LAST_RECT,
];
