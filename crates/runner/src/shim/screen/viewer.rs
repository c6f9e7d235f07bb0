//! One viewer: their RFB client on one side, a connection to the desktop's
//! server on the other, and the relay's rules between them.

use super::place::{Connection, Place};
use super::{Standing, Wheel, text};
use crate::clock::SteadyClock;
use crate::frames::{self, Frame};
use crate::shim::visits::Visitor;
use pilot_proto::screen::{FromScreen, ToScreen};
use pilot_proto::tunnel::MAX_TUNNEL_FRAME;
use pilot_proto::{Code, Problem};
use pilot_screen::recording::camera::Note;
use pilot_screen::rfb::server::{Class, ServerStream, Sink};
use pilot_screen::rfb::viewer::{Heard, Rights, ViewerStream};
use pilot_screen::rfb::{RfbError, SharedFormat, Size, greeting};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{broadcast, mpsc, watch};

/// For the last word to a viewer to go out.
pub(super) const FAREWELL: Duration = Duration::from_secs(2);
/// For a viewer to say who they are: their page is loading.
const GREETING: Duration = Duration::from_secs(60);
/// Answers to a viewer's words that wait to be sent.
const WORDS: usize = 16;

/// Why a visit is over.
#[derive(Debug, thiserror::Error)]
enum Over {
    #[error("the viewer went")]
    Went,
    #[error("the desktop's server has ended")]
    Ended,
    #[error("the viewer: {0}")]
    Viewer(RfbError),
    #[error("the desktop's server: {0}")]
    Server(RfbError),
    #[error("a connection broke: {0}")]
    Broke(#[from] io::Error),
}

/// What a visit is made with.
pub(super) struct Guest {
    pub(super) place: Arc<Place>,
    pub(super) wheel: Wheel,
    pub(super) clock: SteadyClock,
    pub(super) standing: watch::Receiver<Standing>,
    pub(super) notes: broadcast::Sender<Note>,
    /// The way in, closed as soon as another desktop can be started.
    pub(super) door: mpsc::Sender<Visitor>,
}

/// The two directions of a visit.
struct From {
    reader: BufReader<OwnedReadHalf>,
    stream: ViewerStream,
    desktop: WriteHalf<Connection>,
    guest: Guest,
    who: String,
    may_drive: bool,
    words: mpsc::Sender<FromScreen>,
}

struct To {
    writer: OwnedWriteHalf,
    stream: ServerStream,
    desktop: ReadHalf<Connection>,
    standing: watch::Receiver<Standing>,
    size: Size,
    attached: Option<String>,
    who: String,
    may_drive: bool,
    words: mpsc::Receiver<FromScreen>,
}

/// What goes on to the viewer.
struct Passed {
    bytes: Vec<u8>,
    copies: bool,
    resized: Option<Size>,
}

impl Sink for Passed {
    fn bytes(&mut self, class: Class, bytes: &[u8]) {
        match class {
            Class::Clipboard if !self.copies => {}
            Class::Clipboard | Class::Screen => self.bytes.extend_from_slice(bytes),
        }
    }

    fn resized(&mut self, size: Size) {
        self.resized = Some(size);
    }
}

impl Guest {
    /// Lets the visitor in and serves them until they go, or the desktop does.
    pub(super) async fn serve(self, mut visitor: Visitor) {
        let (desktop, init) = match self.place.greeted().await {
            Ok(opened) => opened,
            Err(error) => {
                let message = format!("The screen does not answer: {error}.");
                return visitor.refuse(Problem::new(Code::Precondition, message)).await;
            }
        };
        if visitor.let_in().await.is_err() {
            return;
        }
        let Visitor { wish, reader, writer } = visitor;
        let format = Arc::new(SharedFormat::new(init.format));
        let (from_desktop, mut to_desktop) = tokio::io::split(desktop);
        if let Err(error) = to_desktop.write_all(&greeting::until_they_speak()).await {
            tracing::debug!(%error, "the desktop's server went as a viewer came");
            return;
        }
        let (words, heard) = mpsc::channel(WORDS);
        let mut to = To {
            writer,
            stream: ServerStream::new(init.size, Arc::clone(&format)),
            desktop: from_desktop,
            standing: self.standing.clone(),
            size: init.size,
            attached: self.place.address(),
            who: wish.who.clone(),
            may_drive: wish.drive,
            words: heard,
        };
        let mut from = From {
            reader,
            stream: self.listener(init.message, format),
            desktop: to_desktop,
            guest: self,
            who: wish.who,
            may_drive: wish.drive,
            words,
        };
        let over = match Self::greet(&mut from, &mut to).await {
            Err(over) => over,
            Ok(()) => tokio::select! {
                over = from.follow() => over.err().unwrap_or(Over::Went),
                over = to.follow() => over.err().unwrap_or(Over::Ended),
            },
        };
        tracing::debug!(%over, who = from.who, "a viewer's visit is over");
        from.let_go().await;
        if matches!(over, Over::Ended) {
            // Whoever is told to come again must find another desktop.
            tokio::time::timeout(FAREWELL, from.guest.door.closed()).await.ok();
        }
        to.part(&over).await;
    }

    /// Hears the viewer. A keyboard that is not of our making has names of its
    /// own.
    fn listener(&self, init: Vec<u8>, format: Arc<SharedFormat>) -> ViewerStream {
        let stream = ViewerStream::new(init, format);
        if self.place.attached().is_some() { stream } else { stream.on_our_keyboard() }
    }

    /// The viewer's greeting, in which nothing of the desktop is said yet.
    async fn greet(from: &mut From, to: &mut To) -> Result<(), Over> {
        to.tell().await?;
        to.write(ViewerStream::hello()).await?;
        let greeted = async {
            while !from.stream.is_greeted() {
                let heard = from.hear().await?.ok_or(Over::Went)?;
                to.write(&heard.reply).await?;
                from.pass(heard).await?;
            }
            Ok(())
        };
        let timed_out = || io::Error::from(io::ErrorKind::TimedOut);
        tokio::time::timeout(GREETING, greeted).await.map_err(|_| timed_out())?
    }
}

impl From {
    fn rights(&self) -> Rights {
        let drives = self.may_drive && self.guest.wheel.person().as_ref() == Some(&self.who);
        Rights { drives, copies: self.may_drive }
    }

    async fn follow(&mut self) -> Result<(), Over> {
        let mut person = self.guest.wheel.person.subscribe();
        loop {
            // A frame that has begun is read to its end: that cannot be given up.
            tokio::select! {
                biased;
                changed = person.changed() => {
                    if changed.is_ok() && !self.rights().drives {
                        self.let_go().await;
                    }
                }
                available = self.reader.fill_buf_ready() => {
                    available?;
                    let Some(heard) = self.hear().await? else { return Err(Over::Went) };
                    self.pass(heard).await?;
                }
            }
        }
    }

    /// The next of what the viewer says; none when they went.
    async fn hear(&mut self) -> Result<Option<Heard>, Over> {
        match frames::read(&mut self.reader).await? {
            None => Ok(None),
            Some(Frame::Bytes(bytes)) => {
                let rights = self.rights();
                self.stream.push(&bytes, rights).map(Some).map_err(Over::Viewer)
            }
            Some(Frame::Text(text)) => {
                match serde_json::from_str(&text) {
                    // One that asks faster than it reads is not answered.
                    Ok(ToScreen::Ping { number }) => {
                        self.words.try_send(FromScreen::Pong { number }).ok();
                    }
                    Ok(ToScreen::Unknown) => {}
                    Err(error) => tracing::debug!(%error, "a viewer said something odd"),
                }
                Ok(Some(Heard::default()))
            }
            Some(Frame::Size { .. }) => Ok(Some(Heard::default())),
        }
    }

    /// Hands on what may go on.
    async fn pass(&mut self, heard: Heard) -> Result<(), Over> {
        if heard.touched {
            self.guest.wheel.touch(self.guest.clock.now());
        }
        if let Some(pointer) = heard.pointer {
            self.guest.wheel.point(pointer);
            // Without a camera nobody hears it.
            self.guest.notes.send(Note::Pointer(pointer)).ok();
        }
        if !heard.forward.is_empty() {
            self.desktop.write_all(&heard.forward).await?;
        }
        Ok(())
    }

    /// No key stays down behind somebody who drives no more.
    async fn let_go(&mut self) {
        let releases = self.stream.release();
        if !releases.is_empty()
            && let Err(error) = self.desktop.write_all(&releases).await
        {
            tracing::debug!(%error, "the desktop is gone with its keys");
        }
    }
}

impl To {
    async fn follow(&mut self) -> Result<(), Over> {
        let mut buffer = vec![0; MAX_TUNNEL_FRAME];
        loop {
            tokio::select! {
                read = self.desktop.read(&mut buffer) => match read? {
                    0 => return Err(Over::Ended),
                    read => self.pass(&buffer[..read]).await?,
                },
                Some(word) = self.words.recv() => {
                    frames::write(&mut self.writer, &text(&word)).await?;
                }
                Ok(()) = self.standing.changed() => self.tell().await?,
            }
        }
    }

    async fn pass(&mut self, bytes: &[u8]) -> Result<(), Over> {
        let mut passed = Passed {
            bytes: Vec::with_capacity(bytes.len()),
            copies: self.may_drive,
            resized: None,
        };
        self.stream.push(bytes, &mut passed).map_err(Over::Server)?;
        self.write(&passed.bytes).await?;
        if let Some(size) = passed.resized {
            self.size = size;
            self.tell().await?;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for piece in bytes.chunks(MAX_TUNNEL_FRAME) {
            frames::write(&mut self.writer, &Frame::Bytes(piece.to_vec())).await?;
        }
        Ok(())
    }

    /// How it stands.
    async fn tell(&mut self) -> io::Result<()> {
        let Standing { driver, viewers } = self.standing.borrow_and_update().clone();
        let person = driver.as_ref().and_then(|driver| driver.who.as_ref());
        let state = FromScreen::State {
            width: self.size.width,
            height: self.size.height,
            yours: self.may_drive && person == Some(&self.who),
            may_drive: self.may_drive,
            driver,
            viewers,
            attached: self.attached.clone(),
        };
        frames::write(&mut self.writer, &text(&state)).await
    }

    /// Says why it is over, if they are still there.
    async fn part(mut self, over: &Over) {
        let again = matches!(over, Over::Ended | Over::Broke(_));
        let mut why = over.to_string();
        if let Some(first) = why.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let word = text(&FromScreen::Ended { why: format!("{why}."), again });
        let said = frames::write(&mut self.writer, &word);
        tokio::time::timeout(FAREWELL, said).await.ok();
    }
}

/// Waiting until there is something to read, which may be given up at any time.
trait FillReady {
    async fn fill_buf_ready(&mut self) -> io::Result<()>;
}

impl FillReady for BufReader<OwnedReadHalf> {
    async fn fill_buf_ready(&mut self) -> io::Result<()> {
        tokio::io::AsyncBufReadExt::fill_buf(self).await.map(drop)
    }
}
