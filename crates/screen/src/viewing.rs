//! Between a viewer and a desktop's server: decodes for a viewer that is near
//! and slow at it, as a page in the window is.
//!
//! ```text
//! canvas <───── frames ─────── Viewing <── Tight, JPEG ── server
//! viewer <── sizes, shapes ───
//!        ── keys, pointer ───>         ────────────────>
//! ```
//!
//! To the server it is a client that asks for the next update when it has drawn
//! one; to the viewer a server on whose screen nothing ever moves. What moves
//! is told beside it, as a frame of what changed since the last one, once,
//! however often it changed. What the viewer does and its clipboard go through.
//!
//! **Invariants:** one picture is held, so who is slow gets fewer frames and
//! never old ones; no frame is of half an update, or of a size that the viewer
//! has not been told; what either side claims is bounded by [`crate::rfb`]
//! before it is believed.

mod frame;
mod update;

use crate::damage::Damage;
use crate::decoder::{DecodeError, Decoder, Drawn};
use crate::picture::Picture;
use crate::rfb::greeting::{AT_ONCE, as_server, pixel_format, read_greeting};
use crate::rfb::viewer::{Rights, ViewerStream, update_request};
use crate::rfb::{PixelFormat, RfbError, SharedFormat, Size};
use std::sync::Arc;
use update::Update;

/// Who may do what is decided in the run's relay.
const ALL: Rights = Rights { drives: true, copies: true };

/// What is to be said, to either side.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// To the server.
    pub to_server: Vec<u8>,
    /// To the viewer.
    pub to_viewer: Vec<u8>,
}

/// One viewer, one server.
#[derive(Debug)]
pub struct Viewing(State);

#[derive(Debug)]
enum State {
    /// The server greets; what it said so far.
    Greeted(Vec<u8>),
    Speaks(Box<Speech>),
}

#[derive(Debug)]
struct Speech {
    viewer: ViewerStream,
    decoder: Decoder,
    scene: Scene,
    /// The server was asked for a first picture.
    begun: bool,
    /// The viewer waits for an update.
    asked: bool,
    /// The size that the viewer knows.
    told: Size,
}

/// What there is to see, and what of it the viewer has not seen.
#[derive(Debug)]
struct Scene {
    picture: Picture,
    damage: Damage,
    /// No pixel of this size has come yet.
    blank: bool,
    /// In the middle of an update.
    torn: bool,
    shape: Option<Drawn>,
    /// The shape is news.
    shaped: bool,
    layout: Option<(u16, u16, Vec<u8>)>,
    /// Updates that are over.
    updates: usize,
    clipboard: Vec<u8>,
}

impl Default for Viewing {
    fn default() -> Self {
        Self::new()
    }
}

impl Viewing {
    /// Before either side has said anything.
    pub fn new() -> Self {
        Self(State::Greeted(Vec::new()))
    }

    /// What the server is told first.
    pub fn hello() -> &'static [u8] {
        AT_ONCE
    }

    /// Takes in what the server said. Has to be called within a tokio runtime.
    pub async fn hear_server(&mut self, bytes: &[u8]) -> Result<Said, DecodeError> {
        let said = match &mut self.0 {
            State::Speaks(speech) => return speech.hear_server(bytes).await,
            State::Greeted(said) => said,
        };
        said.extend_from_slice(bytes);
        let Some((init, length)) = read_greeting(said)? else { return Ok(Said::default()) };
        let rest = said.split_off(length);
        let mut speech = Speech::begin(&init.message, init.size);
        let mut said = speech.hear_server(&rest).await?;
        said.to_viewer.splice(..0, ViewerStream::hello().iter().copied());
        self.0 = State::Speaks(Box::new(speech));
        Ok(said)
    }

    /// Takes in what the viewer said.
    pub fn hear_viewer(&mut self, bytes: &[u8]) -> Result<Said, RfbError> {
        match &mut self.0 {
            State::Greeted(_) => Err(RfbError::Version),
            State::Speaks(speech) => speech.hear_viewer(bytes),
        }
    }

    /// What is to be shown and was not, if anything is: a frame, behind a
    /// byte of the caller's.
    pub fn frame(&mut self, first: u8) -> Option<Vec<u8>> {
        match &mut self.0 {
            State::Greeted(_) => None,
            State::Speaks(speech) => speech.frame(first),
        }
    }
}

impl Speech {
    fn begin(message: &[u8], size: Size) -> Self {
        let ours = as_server(message);
        // The same to the viewer: whatever the server has, the pixels are ours.
        let message = ours[ours.len() - message.len()..].to_vec();
        let format = Arc::new(SharedFormat::new(PixelFormat::TRUE));
        Self {
            viewer: ViewerStream::new(message, format).before_a_decoder(),
            decoder: Decoder::greeted(ours),
            scene: Scene::of(size),
            begun: false,
            asked: false,
            told: size,
        }
    }

    async fn hear_server(&mut self, bytes: &[u8]) -> Result<Said, DecodeError> {
        let scene = &mut self.scene;
        self.decoder.push(bytes, &mut |drawn| scene.take(drawn)).await?;
        let mut said = Said::default();
        for _ in 0..std::mem::take(&mut scene.updates) {
            let size = scene.picture.size();
            said.to_server.extend_from_slice(&update_request(true, size));
        }
        said.to_viewer = std::mem::take(&mut scene.clipboard);
        self.tell(&mut said);
        Ok(said)
    }

    fn hear_viewer(&mut self, bytes: &[u8]) -> Result<Said, RfbError> {
        let heard = self.viewer.push(bytes, ALL)?;
        let mut said = Said { to_server: heard.forward, to_viewer: heard.reply };
        if let Some(changes) = heard.asked {
            self.asked = true;
            if !changes {
                self.scene.show_all();
            }
            if !std::mem::replace(&mut self.begun, true) {
                // Behind the viewer's encodings, which it names before it asks.
                said.to_server.splice(..0, pixel_format());
                let size = self.scene.picture.size();
                said.to_server.extend_from_slice(&update_request(false, size));
            }
        }
        self.tell(&mut said);
        Ok(said)
    }

    /// Tells the viewer what is new, if it waits for that.
    fn tell(&mut self, said: &mut Said) {
        let Self { scene, decoder, .. } = self;
        let resized = self.told != scene.picture.size() || scene.layout.is_some();
        let new = resized || scene.shaped;
        if !self.asked || !new || decoder.is_within_clipboard() {
            return;
        }
        self.asked = false;
        self.told = scene.picture.size();
        said.to_viewer.extend(scene.update(resized));
    }

    fn frame(&mut self, first: u8) -> Option<Vec<u8>> {
        let Scene { picture, damage, blank, torn, .. } = &mut self.scene;
        let shows = !*blank && !*torn && !damage.is_empty() && self.told == picture.size();
        shows.then(|| frame::frame(first, picture, damage))
    }
}

impl Scene {
    fn of(size: Size) -> Self {
        Self {
            picture: Picture::black(size),
            damage: Damage::default(),
            blank: true,
            torn: false,
            shape: None,
            shaped: false,
            layout: None,
            updates: 0,
            clipboard: Vec::new(),
        }
    }

    fn take(&mut self, drawn: Drawn) {
        match &drawn {
            Drawn::Pixels(rect, _) => {
                self.damage.add(*rect);
                (self.blank, self.torn) = (false, true);
            }
            Drawn::Copied(to, from) => {
                self.damage.copy(*to, *from);
                self.torn = true;
            }
            Drawn::Sized(size) => {
                if *size != self.picture.size() {
                    self.damage = Damage::all(*size);
                    self.blank = true;
                }
            }
            Drawn::Layout(reason, status, screens) => {
                self.layout = Some((*reason, *status, screens.clone()));
            }
            Drawn::Shape(..) => {
                self.shape = Some(drawn);
                self.shaped = true;
                return;
            }
            Drawn::Updated => {
                self.updates += 1;
                self.torn = false;
            }
            Drawn::Clipboard(bytes) => self.clipboard.extend_from_slice(bytes),
        }
        drawn.on(&mut self.picture);
    }

    fn show_all(&mut self) {
        self.damage = Damage::all(self.picture.size());
        self.shaped = self.shape.is_some();
    }

    fn update(&mut self, resized: bool) -> Vec<u8> {
        let mut update = Update::default();
        if resized {
            update.sized(self.picture.size(), self.layout.take());
        }
        if std::mem::take(&mut self.shaped)
            && let Some(Drawn::Shape(point, size, pixels)) = &self.shape
        {
            update.shape(*point, *size, pixels);
        }
        update.into_message()
    }
}
