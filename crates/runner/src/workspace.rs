//! The inside end of a run's socket: what `pilot` is when it is started within
//! the walls. It decides nothing; whoever starts it could speak with the socket
//! by itself.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Names the socket.
pub const VARIABLE: &str = "PILOTHOUSE_SOCKET";

/// The longest answer that is read: the whole conversation.
const LONGEST: u64 = 16 * 1024 * 1024;

/// An MCP server on standard streams: each line goes to the socket by a
/// connection of its own, so that a question that waits for a person holds up
/// nothing else. Returns when the input has ended.
///
/// # Errors
/// The input cannot be read.
pub fn serve_mcp(socket: &Path) -> io::Result<()> {
    let under_way: Arc<Mutex<HashMap<String, UnixStream>>> = Arc::default();
    std::thread::scope(|scope| {
        for line in io::stdin().lock().lines() {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            let message: Value = serde_json::from_str(&line).unwrap_or_default();
            if message["method"] == "notifications/cancelled" {
                let id = message["params"]["requestId"].to_string();
                let stream = locked(&under_way).remove(&id);
                // It may be answered by now.
                stream.map(|stream| stream.shutdown(Shutdown::Both).ok());
                continue;
            }
            let under_way = Arc::clone(&under_way);
            scope.spawn(move || pass(socket, &line, &message["id"], &under_way));
        }
        // Whoever asked has gone: nobody reads what is still to come.
        for stream in locked(&under_way).drain().map(|(_, stream)| stream) {
            stream.shutdown(Shutdown::Both).ok();
        }
        Ok(())
    })
}

type UnderWay = Mutex<HashMap<String, UnixStream>>;

fn locked(under_way: &UnderWay) -> std::sync::MutexGuard<'_, HashMap<String, UnixStream>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends one message, and says what came back. One that was cancelled is not
/// answered.
fn pass(socket: &Path, line: &str, id: &Value, under_way: &UnderWay) {
    let key = id.to_string();
    let answered = connect(socket).and_then(|stream| {
        locked(under_way).insert(key.clone(), stream.try_clone()?);
        exchange(stream, "POST", "/mcp", line.as_bytes())
    });
    let cancelled = locked(under_way).remove(&key).is_none();
    let said = match answered {
        _ if id.is_null() || cancelled => return,
        Ok((_, body)) if !body.is_empty() => body,
        Ok(_) => return,
        Err(error) => {
            let message = format!("the run's socket does not answer: {error}");
            let error = json!({"code": -32000, "message": message});
            json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string()
        }
    };
    let mut out = io::stdout().lock();
    // Who closed our output will close our input, too.
    writeln!(out, "{said}").and_then(|()| out.flush()).ok();
}

/// Calls a tool of the run.
///
/// # Errors
/// The socket does not answer, or says why it does not do it.
pub fn call(socket: &Path, tool: &str, arguments: &Value) -> Result<Value, String> {
    ask(socket, "POST", &format!("/tools/{tool}"), &arguments.to_string())
}

/// Reads what the run says of itself.
///
/// # Errors
/// The socket does not answer, or says why it does not tell.
pub fn look(socket: &Path, path: &str) -> Result<Value, String> {
    ask(socket, "GET", path, "")
}

fn ask(socket: &Path, method: &str, path: &str, body: &str) -> Result<Value, String> {
    let answered =
        connect(socket).and_then(|stream| exchange(stream, method, path, body.as_bytes()));
    let (status, text) =
        answered.map_err(|error| format!("the run's socket does not answer: {error}"))?;
    let document: Value = serde_json::from_str(&text).unwrap_or_default();
    if (200..300).contains(&status) {
        return Ok(document);
    }
    Err(document["detail"].as_str().map_or_else(|| format!("status {status}"), str::to_owned))
}

/// By way of the directory's descriptor: an address holds 107 bytes only.
fn connect(socket: &Path) -> io::Result<UnixStream> {
    let (Some(directory), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let directory = File::open(directory)?;
    let short = format!("/proc/self/fd/{}", directory.as_raw_fd());
    UnixStream::connect(Path::new(&short).join(name))
}

/// One request, and its answer: status and body.
fn exchange(
    mut stream: UnixStream,
    method: &str,
    path: &str,
    body: &[u8],
) -> io::Result<(u16, String)> {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: pilothouse\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut reader = BufReader::new(stream.take(LONGEST));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("it hung up"))?;
    let mut length = None;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse::<u64>().ok();
        }
    }
    let mut text = String::new();
    reader.take(length.unwrap_or(0)).read_to_string(&mut text)?;
    Ok((status, text))
}
