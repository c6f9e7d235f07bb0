//! Just enough HTTP for a server on loopback that answers small JSON documents.
//!
//! Version 1.0 of it (RFC 1945): one request a connection, and an answer that
//! ends with the connection, so that there is nothing to keep alive, to chunk
//! or to negotiate. A client for more would bring a runtime into a room without
//! one.

use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// It answers `POST /message` when its agent has begun; that may take a while.
const SILENCE: Duration = Duration::from_secs(60);

/// More than a long conversation has.
const LARGEST: u64 = 64 << 20;

/// A server on a port of 127.0.0.1.
#[derive(Debug)]
pub(super) struct Server {
    port: u16,
}

impl Server {
    pub(super) fn new(port: u16) -> Self {
        Self { port }
    }

    pub(super) fn get(&self, path: &str) -> io::Result<Value> {
        self.ask(&format!("GET {path}"), "")
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> io::Result<Value> {
        self.ask(&format!("POST {path}"), &body.to_string())
    }

    /// The document in the answer, whatever its status: errors are documents,
    /// too.
    fn ask(&self, what: &str, body: &str) -> io::Result<Value> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        // The name is the one that the server takes without being told to.
        let request = format!(
            "{what} HTTP/1.0\r\nHost: localhost:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len(),
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(LARGEST).read_to_end(&mut answer)?;
        let body = body_of(&answer).ok_or_else(|| io::Error::other("it does not speak HTTP"))?;
        serde_json::from_slice(body)
            .map_err(|_| io::Error::other(format!("it answered `{}`", first_line(&answer))))
    }
}

fn body_of(answer: &[u8]) -> Option<&[u8]> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    answer.starts_with(b"HTTP/1.").then(|| &answer[end + 4..])
}

fn first_line(answer: &[u8]) -> String {
    let line = answer.split(|&byte| byte == b'\r').next().unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}
