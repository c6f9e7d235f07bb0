//! Where the desktop's server is: the run's own inside its walls, or one that
//! was there before, within the runner's reach.
//!
//! **Invariant:** a server's password is in this process's memory and nowhere
//! else: neither in a file nor on a way to a viewer.

use crate::shim::visits::Visitor;
use pilot_proto::screen::ScreenServer;
use pilot_proto::{Code, Problem};
use pilot_screen::rfb::Size;
use pilot_screen::rfb::greeting::{GreetingError, ServerInit, greet_with};
use pilot_screen::rfb::password::Password;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_util::either::Either;

/// The socket of the run's own server.
pub(super) const SOCKET: &str = "screen.sock";
/// For a machine to answer that is asked for a connection: one in the same
/// house does so at once, or is off.
const DIAL: Duration = Duration::from_secs(5);

/// A connection to a desktop's server.
pub(super) type Connection = Either<UnixStream, TcpStream>;

/// Which server has been attached, for as long as the run works; none: the
/// run's own is its screen.
pub(in crate::shim) type Attachment = watch::Sender<Option<Arc<Attached>>>;

/// A server that was there before.
#[derive(Debug)]
pub(in crate::shim) struct Attached {
    /// `host:port`.
    pub(super) address: String,
    password: Option<Password>,
}

/// Where a desktop's server is reached.
pub(super) enum Place {
    /// At its socket in this directory.
    Own { directory: File },
    /// Elsewhere.
    Attached(Arc<Attached>),
}

impl Place {
    /// A connection to it.
    pub(super) async fn connect(&self) -> io::Result<Connection> {
        match self {
            Self::Own { directory } => {
                // By way of the directory's descriptor: the path may be too long.
                let path = format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd());
                UnixStream::connect(path).await.map(Either::Left)
            }
            Self::Attached(server) => {
                let dialled = tokio::time::timeout(DIAL, TcpStream::connect(&server.address));
                let stream = dialled.await.map_err(|_| io::ErrorKind::TimedOut)??;
                stream.set_nodelay(true)?;
                Ok(Either::Right(stream))
            }
        }
    }

    /// A connection that is greeted already.
    pub(super) async fn greeted(&self) -> Result<(Connection, ServerInit), GreetingError> {
        let mut stream = self.connect().await?;
        let init = greet_with(&mut stream, self.password()).await?;
        Ok((stream, init))
    }

    pub(super) fn password(&self) -> Option<&Password> {
        self.attached().and_then(|server| server.password.as_ref())
    }

    /// The server, if it is not the run's own.
    pub(super) fn attached(&self) -> Option<&Attached> {
        match self {
            Self::Own { .. } => None,
            Self::Attached(server) => Some(server),
        }
    }

    /// Its address, if it is not the run's own.
    pub(super) fn address(&self) -> Option<String> {
        self.attached().map(|server| server.address.clone())
    }
}

impl Attached {
    /// Whether it lets us in, and how large it is.
    pub(super) async fn look(server: &Arc<Self>) -> Result<Size, Problem> {
        let greeted = Place::Attached(Arc::clone(server)).greeted().await;
        greeted.map(|(_, init)| init.size).map_err(|error| {
            let why = match &error {
                GreetingError::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
                    "nobody answers".to_owned()
                }
                GreetingError::Io(error) => error.to_string(),
                GreetingError::Rfb(error) => error.to_string(),
                GreetingError::Silent => "it says nothing".to_owned(),
            };
            let message = format!("`{}` cannot be the screen: {why}.", server.address);
            Problem::new(Code::Precondition, message).hint(
                "It has to be a VNC server that speaks RFB 3.8 and wants no login or a VNC password.",
            )
        })
    }
}

/// Makes a server the run's screen if it lets us in, or the run's own again.
pub(in crate::shim) async fn attach(
    mut visitor: Visitor,
    server: Option<ScreenServer>,
    attachment: Attachment,
) {
    let wanted = server.map(|ScreenServer { address, password }| {
        let password = password.map(|password| Password::new(password.expose()));
        Arc::new(Attached { address, password })
    });
    if let Some(wanted) = &wanted
        && let Err(problem) = Attached::look(wanted).await
    {
        return visitor.refuse(problem).await;
    }
    let is_own = wanted.is_none();
    attachment.send_if_modified(|attached| {
        let changes = !(is_own && attached.is_none());
        *attached = wanted;
        changes
    });
    if visitor.let_in().await.is_err() {
        tracing::debug!("whoever attached a screen went before it was");
    }
}
