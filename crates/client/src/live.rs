//! The console's WebSocket: says what it watches, is told what happens, and
//! connects again by itself for as long as somebody listens.
//!
//! There is no task behind it: everything happens inside [`Live::next`], which
//! may be dropped at any point (in a `select!`) without losing anything. Who
//! does not listen is not sent anything: TCP and the hub's bounded queue see to
//! that.

use crate::backoff::Backoff;
use crate::client::{Client, SILENCE_DEADLINE};
use crate::error::ClientError;
use crate::watches::Watches;
use futures_util::{SinkExt, StreamExt};
use pilot_proto::Problem;
use pilot_proto::console::{FromConsole, LIVE_PATH, ToConsole};
use pilot_proto::runner::{HEARTBEAT_SECS, OFFLINE_SECS};
use reqwest::Url;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// After this long without a word of the hub we ask whether it is there.
pub(crate) const ASK_AFTER: Duration = Duration::from_secs(HEARTBEAT_SECS);
/// After this long the connection is dead, whatever TCP believes.
pub(crate) const DEAD_AFTER: Duration = Duration::from_secs(OFFLINE_SECS);
/// A batch of records is a few MiB, a task with a prompt of 1 MiB little more.
const MAX_MESSAGE: usize = 64 * 1024 * 1024;

/// What a console is told.
#[derive(Debug)]
pub enum Told {
    /// Something of the hub. Records come in order, each once, whatever
    /// happened to the connection in between.
    Hub(ToConsole),
    /// The connection was lost; it is being made again.
    Lost {
        /// Why.
        problem: Problem,
    },
    /// It is back, and everything that was watched is watched again.
    Back,
}

/// A connection to a hub that does not go away.
#[derive(Debug)]
pub struct Live {
    client: Client,
    watches: Watches,
    line: Line,
    backoff: Backoff,
    /// The loss was told, the return was not.
    lost: bool,
}

enum Line {
    Up(Box<Up>),
    Waiting {
        dial_at: Instant,
    },
    /// Kept, so that a listener who looks elsewhere now and then (a `select!`
    /// with a ticking clock) does not dial from the beginning each time.
    Dialling(Dial),
}

type Dial = Pin<Box<dyn Future<Output = Result<Socket, ClientError>> + Send>>;

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up(_) => "Up",
            Self::Waiting { .. } => "Waiting",
            Self::Dialling(_) => "Dialling",
        })
    }
}

#[derive(Debug)]
struct Up {
    socket: Socket,
    heard_at: Instant,
    asked: bool,
    /// Still to be said.
    unsaid: VecDeque<FromConsole>,
}

impl Live {
    pub(crate) async fn connect(client: Client) -> Result<Self, ClientError> {
        let socket = dial(client.clone()).await?;
        let watches = Watches::default();
        let line = Line::Up(Box::new(Up::new(socket, VecDeque::new())));
        Ok(Self { client, watches, line, backoff: Backoff::default(), lost: false })
    }

    /// Says something to the hub: now, or as soon as there is a connection.
    /// It goes out with the next call of [`Live::next`].
    pub fn say(&mut self, message: FromConsole) {
        self.watches.say(&message);
        if let Line::Up(up) = &mut self.line {
            up.unsaid.push_back(message);
        }
    }

    /// What happens next. An error is final: the hub refuses us, or it is
    /// another; dialling again would not help.
    pub async fn next(&mut self) -> Result<Told, ClientError> {
        loop {
            let up = match &mut self.line {
                Line::Up(up) => up,
                Line::Waiting { dial_at } => {
                    sleep_until(*dial_at).await;
                    self.line = Line::Dialling(dial(self.client.clone()));
                    continue;
                }
                Line::Dialling(dial) => {
                    let dialled = dial.await;
                    if self.dialled(dialled)? {
                        return Ok(Told::Back);
                    }
                    continue;
                }
            };
            match up.hear().await {
                Ok(message) => {
                    let taken = self.watches.take(message);
                    if taken.hole {
                        tracing::warn!(hub = %self.client.hub(), "the hub left records out");
                        self.hang_up();
                    } else if taken.pass.is_some() {
                        self.backoff.reset();
                    }
                    if let Some(message) = taken.pass {
                        return Ok(Told::Hub(message));
                    }
                }
                Err(error) => {
                    self.hang_up();
                    self.lost = true;
                    return Ok(Told::Lost { problem: self.client.unreachable(error).into() });
                }
            }
        }
    }

    fn hang_up(&mut self) {
        self.line = Line::Waiting { dial_at: Instant::now() + self.backoff.wait() };
    }

    /// True if the connection is back and that is news.
    fn dialled(&mut self, dialled: Result<Socket, ClientError>) -> Result<bool, ClientError> {
        // The future is over and must not be asked again, whatever came of it.
        self.line = Line::Waiting { dial_at: Instant::now() };
        match dialled {
            Ok(socket) => {
                let unsaid = self.watches.resume().into();
                self.line = Line::Up(Box::new(Up::new(socket, unsaid)));
                Ok(std::mem::take(&mut self.lost))
            }
            Err(error) if error.is_passing() => {
                tracing::debug!(hub = %self.client.hub(), %error, "the hub is not back yet");
                self.hang_up();
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

impl Up {
    fn new(socket: Socket, unsaid: VecDeque<FromConsole>) -> Self {
        Self { socket, heard_at: Instant::now(), asked: false, unsaid }
    }

    /// Says what is to be said, then listens for one message.
    async fn hear(&mut self) -> Result<ToConsole, Error> {
        self.speak().await?;
        loop {
            let deadline = self.heard_at + if self.asked { DEAD_AFTER } else { ASK_AFTER };
            let Ok(heard) = timeout_at(deadline, self.socket.next()).await else {
                if self.asked {
                    return Err(silence());
                }
                self.asked = true;
                self.send(Message::Ping(tokio_tungstenite::tungstenite::Bytes::new())).await?;
                continue;
            };
            let message = heard.ok_or(Error::ConnectionClosed)??;
            self.heard_at = Instant::now();
            self.asked = false;
            match message {
                Message::Text(text) => match serde_json::from_str(&text) {
                    Ok(message) => return Ok(message),
                    // Of a newer hub: not for us, and no reason to hang up.
                    Err(error) => tracing::warn!(%error, "a message of the hub is not understood"),
                },
                Message::Close(_) => return Err(Error::ConnectionClosed),
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    async fn speak(&mut self) -> Result<(), Error> {
        while let Some(message) = self.unsaid.front() {
            let text = serde_json::to_string(message).map_err(std::io::Error::other)?;
            // Taken off only after it was handed over: a caller that drops us
            // in the middle must not lose it. Saying it twice does no harm.
            self.send(Message::text(text)).await?;
            self.unsaid.pop_front();
        }
        Ok(())
    }

    async fn send(&mut self, message: Message) -> Result<(), Error> {
        timeout(DEAD_AFTER, self.socket.send(message)).await.unwrap_or_else(|_| Err(silence()))
    }
}

pub(crate) fn silence() -> Error {
    Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, "the hub fell silent"))
}

fn dial(client: Client) -> Dial {
    Box::pin(async move { connect(&client).await })
}

pub(crate) async fn connect(client: &Client) -> Result<Socket, ClientError> {
    let url = client.url(&[], LIVE_PATH, "live")?;
    connect_to(client, url, LIVE_PATH).await
}

/// A WebSocket of the hub's; `path` is its name in what goes wrong.
pub(crate) async fn connect_to(
    client: &Client,
    mut url: Url,
    path: &str,
) -> Result<Socket, ClientError> {
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    if url.set_scheme(scheme).is_err() {
        return Err(client.strange("its address cannot be a WebSocket's".to_owned()));
    }
    let mut request =
        url.as_str().into_client_request().map_err(|error| client.strange(error.to_string()))?;
    request.headers_mut().insert(AUTHORIZATION, client.authorization.clone());
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let connector = Connector::Rustls(Arc::clone(&client.tls));
    let dialled = connect_async_tls_with_config(request, Some(config), true, Some(connector));
    match timeout(SILENCE_DEADLINE, dialled).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(Error::Http(response))) => {
            let body = response.body().as_deref().unwrap_or_default();
            Err(client.refusal(response.status().as_u16(), path, body))
        }
        Ok(Err(error)) => Err(client.unreachable(error)),
        Err(_) => Err(client.unreachable(silence())),
    }
}
