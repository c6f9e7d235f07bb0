//! The program between a driver and an AgentAPI server, which `pilot` runs as
//! the hidden subcommand [`SUBCOMMAND`]: it starts the server on a free port of
//! loopback, sends what is to be said, and tells when the agent rests.
//!
//! On its standard output a protocol line begins with a record separator, as
//! the scripted agent's does; every other line is what the agent writes on its
//! screen. The server's own output goes to standard error.

mod http;

use http::Server;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The hidden subcommand of `pilot` that is this program.
pub const SUBCOMMAND: &str = "agent-api";

/// First character of a protocol line (the record separator of RFC 7464).
pub(super) const MARK: &str = "\u{1e}";

/// What stands for the port in the server's arguments.
pub(crate) const PORT: &str = "{port}";

/// How often a busy server is asked: as often as it looks at its screen itself,
/// within a factor of two.
const LOOK: Duration = Duration::from_millis(100);

/// How long an agent may take to come up: the server waits for its screen to
/// come to rest, and a first start unpacks things.
const START: Duration = Duration::from_secs(120);

/// How long a server may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(3);

/// Ctrl-C, as a key.
const CTRL_C: &str = "\u{3}";

/// On our standard input.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub(super) enum ToBridge {
    /// Begins a turn.
    Say { text: String },
    /// Ends it.
    Interrupt,
}

/// On our standard output, after [`MARK`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub(super) enum FromBridge {
    /// The agent said this, and will not change it any more.
    Said { text: String },
    /// The agent rests.
    TurnEnded,
    /// It was not told what was to be said.
    Refused { why: String },
}

/// The program; `args` are those after the subcommand: the server's program and
/// its arguments. Returns the exit code: 0 when the input has ended, the
/// server's if that ended first, or 1 if there is no speaking with it.
pub fn main(args: &[String]) -> u8 {
    match run(args) {
        Ok(code) => code,
        Err(error) => {
            // The exit code says the same, should standard error be gone.
            let told = writeln!(io::stderr(), "the AgentAPI server: {error}");
            if told.is_ok() { 1 } else { 2 }
        }
    }
}

fn run(args: &[String]) -> io::Result<u8> {
    // Free now; whoever takes it in between is found out by the first answer.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut bridge = Bridge {
        child: start(args, port)?,
        server: Server::new(port),
        letters: letters(),
        told: 0,
    };
    let code = bridge.converse();
    bridge.end()?;
    code
}

#[expect(clippy::disallowed_methods, reason = "our environment was built for the agent")]
fn start(args: &[String], port: u16) -> io::Result<Child> {
    let port = port.to_string();
    let mut args = args.iter().map(|arg| arg.replace(PORT, &port));
    let program = args.next().ok_or_else(|| io::Error::other("which program?"))?;
    Command::new(program)
        .args(args)
        .env("AGENTAPI_PORT", &port)
        .stdin(Stdio::null())
        .stdout(Stdio::from(io::stderr().as_fd().try_clone_to_owned()?))
        .spawn()
}

/// What is said to us; a thread reads, because a read cannot be given up.
fn letters() -> Receiver<ToBridge> {
    let (sender, letters) = channel();
    std::thread::spawn(move || {
        for line in io::stdin().lines() {
            let Ok(line) = line else { return };
            // A line of a newer driver is not for us.
            let Ok(letter) = serde_json::from_str(&line) else { continue };
            if sender.send(letter).is_err() {
                return;
            }
        }
    });
    letters
}

fn tell(message: &FromBridge) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{MARK}{}", serde_json::to_string(message)?)?;
    out.flush()
}

struct Bridge {
    child: Child,
    server: Server,
    letters: Receiver<ToBridge>,
    /// The last message that was told; their ids rise.
    told: u64,
}

/// Why a turn does not go on.
enum Stop {
    /// The server has ended, with this code.
    Gone(u8),
    /// Our input has ended.
    Over,
}

impl Bridge {
    fn converse(&mut self) -> io::Result<u8> {
        let deadline = Instant::now() + START;
        while self.status().as_deref() != Some("stable") {
            if let Some(code) = self.gone()? {
                return Ok(code);
            }
            if Instant::now() > deadline {
                return Err(io::Error::other("its agent did not come to rest in two minutes"));
            }
            std::thread::sleep(LOOK);
        }
        // What it says before it is told anything greets whoever looks at it.
        self.told = self.messages().last().map_or(0, |message| message.id);
        loop {
            match self.letters.recv_timeout(LOOK) {
                Ok(ToBridge::Say { text }) => match self.turn(&text)? {
                    Some(Stop::Gone(code)) => return Ok(code),
                    Some(Stop::Over) => return Ok(0),
                    None => {}
                },
                // Too late: what it was meant for is over.
                Ok(ToBridge::Interrupt) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(code) = self.gone()? {
                        return Ok(code);
                    }
                }
            }
        }
    }

    /// Says it, and waits until the agent rests.
    fn turn(&mut self, text: &str) -> io::Result<Option<Stop>> {
        // It is answered once the agent has begun, so that rest means the end.
        match self.send("user", text) {
            Ok(Ok(())) => {}
            Ok(Err(why)) => {
                tell(&FromBridge::Refused { why })?;
                return Ok(None);
            }
            Err(error) => {
                if let Some(code) = self.gone_soon()? {
                    return Ok(Some(Stop::Gone(code)));
                }
                tell(&FromBridge::Refused { why: error.to_string() })?;
                return Ok(None);
            }
        }
        let mut shown = Shown::default();
        loop {
            let rests = self.status().as_deref() == Some("stable");
            let new: Vec<Message> =
                self.messages().into_iter().filter(|message| message.id > self.told).collect();
            if rests {
                self.told = new.last().map_or(self.told, |message| message.id);
                for text in new.into_iter().filter(Message::is_agents).map(|one| one.content) {
                    tell(&FromBridge::Said { text: text.trim_end().to_owned() })?;
                }
                tell(&FromBridge::TurnEnded)?;
                return Ok(None);
            }
            if let Some(message) = new.iter().rfind(|message| message.is_agents()) {
                shown.show(message)?;
            }
            if let Some(code) = self.gone()? {
                return Ok(Some(Stop::Gone(code)));
            }
            match self.letters.recv_timeout(LOOK) {
                Ok(ToBridge::Interrupt) => {
                    let why = match self.send("raw", CTRL_C) {
                        Ok(Ok(())) => continue,
                        Ok(Err(why)) => why,
                        Err(error) => error.to_string(),
                    };
                    writeln!(io::stderr(), "it could not be interrupted: {why}")?;
                }
                // It is told nothing in the middle of a turn.
                Ok(ToBridge::Say { text }) => tell(&FromBridge::Refused { why: text })?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Some(Stop::Over)),
            }
        }
    }

    /// The inner error is the server's own word.
    fn send(&self, kind: &str, text: &str) -> io::Result<Result<(), String>> {
        let body = json!({"type": kind, "content": text});
        let answer = self.server.post("/message", &body)?;
        if answer["ok"] == Value::Bool(true) {
            return Ok(Ok(()));
        }
        let why = answer["detail"].as_str().or(answer["title"].as_str());
        Ok(Err(why.map_or_else(|| answer.to_string(), str::to_owned)))
    }

    /// None while it does not answer.
    fn status(&self) -> Option<String> {
        let answer = self.server.get("/status").ok()?;
        answer["status"].as_str().map(str::to_owned)
    }

    fn messages(&self) -> Vec<Message> {
        let answer = self.server.get("/messages").unwrap_or_default();
        let messages = answer["messages"].as_array().into_iter().flatten();
        messages.filter_map(|message| serde_json::from_value(message.clone()).ok()).collect()
    }

    /// The server's exit code, if it has ended.
    fn gone(&mut self) -> io::Result<Option<u8>> {
        let status = self.child.try_wait()?;
        // One that ends by itself in the middle of everything did not do well.
        Ok(status.map(|status| status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
    }

    /// The server's exit code, if it ends in a moment.
    fn gone_soon(&mut self) -> io::Result<Option<u8>> {
        let deadline = Instant::now() + GRACE;
        loop {
            let code = self.gone()?;
            if code.is_some() || Instant::now() > deadline {
                return Ok(code);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Lets the server go, with its agent.
    fn end(&mut self) -> io::Result<()> {
        if self.gone()?.is_some() {
            return Ok(());
        }
        let child = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(child, rustix::process::Signal::TERM)?;
        if self.gone_soon()?.is_none() {
            self.child.kill()?;
            self.child.wait()?;
        }
        Ok(())
    }
}

/// A message as `GET /messages` tells it.
#[derive(Debug, Deserialize)]
struct Message {
    id: u64,
    role: String,
    content: String,
}

impl Message {
    fn is_agents(&self) -> bool {
        self.role == "agent"
    }
}

/// What of an agent's screen is in the log. A line is shown once it has one
/// below it, and nothing more once what was shown was changed.
#[derive(Debug, Default)]
struct Shown {
    id: u64,
    text: String,
}

impl Shown {
    fn show(&mut self, message: &Message) -> io::Result<()> {
        if self.id != message.id {
            *self = Self { id: message.id, text: String::new() };
        }
        let whole = message.content.rfind('\n').map_or("", |end| &message.content[..=end]);
        let Some(new) = whole.strip_prefix(self.text.as_str()) else { return Ok(()) };
        let mut out = io::stdout().lock();
        out.write_all(new.as_bytes())?;
        out.flush()?;
        whole.clone_into(&mut self.text);
        Ok(())
    }
}
