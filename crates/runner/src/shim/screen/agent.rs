//! Computer use: what an agent's tools do on the screen, one deed after the
//! other.
//!
//! **Invariants:** every deed is bounded in time; the moment a person takes
//! over, the deed under way ends and is refused, and nothing of it stays
//! pressed.

use super::place::{Connection, Place};
use super::{Surroundings, Wheel};
use crate::shim::desk::Answered;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pilot_proto::screen::ScreenDriver;
use pilot_sandbox::Launch;
use pilot_screen::desktop::{self, Window};
use pilot_screen::hands::Hands;
use pilot_screen::keys;
use pilot_screen::picture::{Picture, fitted, unscaled};
use pilot_screen::recording::camera::Note;
use pilot_screen::rfb::viewer::Pointer;
use pilot_screen::rfb::{Rect, Size};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::sleep;

/// Pictures are no larger: what models were made for, and what they charge for.
const SHOWN: Size = desktop::SIZE;
/// Between two keys, and between what a pointer does: programs look at the
/// keyboard's layout anew when a key is not on it.
const STEP: Duration = Duration::from_millis(8);
/// Where a pointer stops on its way when it drags.
const STOPS: u16 = 10;
/// For the list of windows.
const LIST: Duration = Duration::from_secs(5);
/// What is read of it.
const LIST_BYTES: u64 = 64 * 1024;

/// What is to be done; places are those of the last picture that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::shim) enum Deed {
    /// Show the screen, or a part of it as large as it is.
    Look {
        /// Left, top, width, height.
        part: Option<[u16; 4]>,
    },
    /// Move the pointer.
    Move { to: (u16, u16) },
    /// Click, so often.
    Click { at: Option<(u16, u16)>, button: u8, times: u8 },
    /// Press at the first, let go at the last.
    Drag { from: (u16, u16), to: (u16, u16), button: u8 },
    /// Turn the wheel: so many notches to the right and down.
    Scroll { at: Option<(u16, u16)>, right: i8, down: i8 },
    /// Type a text.
    Type { text: String },
    /// Press keys together, and hold them so long.
    Press { keys: Vec<u32>, name: String, hold: Duration },
    /// Do nothing.
    Wait { long: Duration },
    /// Where is the pointer?
    Cursor,
    /// Which windows are there?
    Windows,
}

impl Deed {
    /// For the recording; what is typed is not in it.
    fn shown(&self) -> Option<String> {
        match self {
            Self::Look { .. } | Self::Cursor | Self::Windows => None,
            Self::Move { to: (x, y) } => Some(format!("move {x},{y}")),
            Self::Click { at, button, times } => {
                let what = match (times, button) {
                    (2.., _) => "double click",
                    (_, 4) => "right click",
                    (_, 2) => "middle click",
                    _ => "click",
                };
                Some(at.map_or(what.to_owned(), |(x, y)| format!("{what} {x},{y}")))
            }
            Self::Drag { from, to, .. } => {
                Some(format!("drag {},{} {},{}", from.0, from.1, to.0, to.1))
            }
            Self::Scroll { right, down, .. } => Some(format!("scroll {right},{down}")),
            Self::Type { text } => Some(format!("type {} letters", text.chars().count())),
            // A letter by itself may be one of a password.
            Self::Press { keys, .. } if keys.len() < 2 && keys.iter().all(|key| *key < 0xff00) => {
                Some("press a key".to_owned())
            }
            Self::Press { name, .. } => Some(format!("press {name}")),
            Self::Wait { long } => Some(format!("wait {} ms", long.as_millis())),
        }
    }
}

/// A deed, and who waits for what comes of it.
#[derive(Debug)]
pub(in crate::shim) struct Use {
    pub(in crate::shim) deed: Deed,
    pub(in crate::shim) reply: oneshot::Sender<Answered>,
}

impl Use {
    /// It is not done, for this reason.
    pub(in crate::shim) fn refuse(self, why: &str) {
        // Whoever asked may have gone.
        self.reply.send(Err(why.to_owned())).ok();
    }
}

impl Wheel {
    /// What an agent is told whose call is refused; none where it may act.
    pub(in crate::shim) fn refusal(&self) -> Option<String> {
        let who = self.person()?;
        Some(format!(
            "`{who}` has taken over the screen: your computer-use calls are refused, not queued, \
             until it is handed back, and you are told then. Go on with what needs no screen."
        ))
    }
}

/// The agent's eyes and hands.
pub(super) struct Agent {
    surroundings: Surroundings,
    place: Arc<Place>,
    notes: broadcast::Sender<Note>,
    hands: Option<Hands<Connection>>,
    /// How large the last picture was that was shown.
    shown: Option<Size>,
}

impl Agent {
    pub(super) fn new(
        surroundings: &Surroundings,
        place: Arc<Place>,
        notes: broadcast::Sender<Note>,
    ) -> Self {
        Self { surroundings: surroundings.clone(), place, notes, hands: None, shown: None }
    }

    /// Carries out what comes.
    pub(super) async fn work(mut self, mut calls: mpsc::Receiver<Use>) {
        let mut person = self.surroundings.wheel.person.subscribe();
        while let Some(Use { deed, mut reply }) = calls.recv().await {
            let wheel = self.surroundings.wheel.clone();
            let answered = tokio::select! {
                biased;
                () = taken(&mut person) => None,
                () = reply.closed() => None,
                answered = self.act(&deed) => Some(answered),
            };
            let answered = match answered {
                Some(answered) => {
                    if answered.is_err() {
                        self.hands = None;
                    }
                    answered
                }
                None => {
                    self.let_go().await;
                    Err(wheel.refusal().unwrap_or_else(|| "The call was given up.".to_owned()))
                }
            };
            if reply.send(answered).is_err() {
                tracing::debug!("an agent went before its deed was done");
            }
        }
    }

    /// A deed was cut off, perhaps in the middle of a message: the connection
    /// goes, and with it the server lets go of its keys; the button is let go
    /// of over another one.
    async fn let_go(&mut self) {
        let pointer = self.hands.take().map(|hands| hands.pointer()).unwrap_or_default();
        if pointer.buttons != 0
            && let Err(why) = self.point(Pointer { buttons: 0, ..pointer }).await
        {
            tracing::debug!(why, "the desktop is gone with its buttons");
        }
    }

    async fn act(&mut self, deed: &Deed) -> Answered {
        if let Some(words) = deed.shown() {
            // Without a camera nobody hears it.
            self.notes.send(Note::Done(words)).ok();
        }
        match deed {
            Deed::Look { part } => return self.look(*part).await,
            Deed::Move { to } => {
                let to = self.place_of(*to).await?;
                self.point(to).await?;
            }
            Deed::Click { at, button, times } => {
                let at = self.aim(*at).await?;
                for _ in 0..*times {
                    self.point(Pointer { buttons: *button, ..at }).await?;
                    sleep(STEP).await;
                    self.point(at).await?;
                    sleep(STEP).await;
                }
            }
            Deed::Drag { from, to, button } => self.drag(*from, *to, *button).await?,
            Deed::Scroll { at, right, down } => {
                let at = self.aim(*at).await?;
                // Buttons 4 to 7 are the wheel: up, down, left, right.
                let down_button = if *down < 0 { 1 << 3 } else { 1 << 4 };
                let right_button = if *right < 0 { 1 << 5 } else { 1 << 6 };
                self.notches(at, down_button, down.unsigned_abs()).await?;
                self.notches(at, right_button, right.unsigned_abs()).await?;
            }
            Deed::Type { text } => {
                for letter in text.chars() {
                    let key = keys::of_letter(letter);
                    self.key(key, true).await?;
                    self.key(key, false).await?;
                    sleep(STEP).await;
                }
            }
            Deed::Press { keys, hold, .. } => {
                for key in keys {
                    self.key(*key, true).await?;
                    sleep(STEP).await;
                }
                sleep(*hold).await;
                for key in keys.iter().rev() {
                    self.key(*key, false).await?;
                }
            }
            Deed::Wait { long } => sleep(*long).await,
            Deed::Cursor => {
                let (at, scale) = (self.surroundings.wheel.pointer(), self.scale().await?);
                let (x, y) = unscaled((at.x, at.y), scale.1, scale.0);
                return Ok(json!({"x": x, "y": y}));
            }
            Deed::Windows => return self.windows().await,
        }
        Ok(json!({"done": true}))
    }

    async fn hands(&mut self) -> Result<&mut Hands<Connection>, String> {
        if self.hands.is_none() {
            let desktop = self.place.connect().await.map_err(lost)?;
            let greeted = Hands::greet_with(desktop, self.place.password()).await;
            self.hands = Some(greeted.map_err(lost)?);
        }
        self.hands.as_mut().ok_or_else(|| "The screen does not answer.".to_owned())
    }

    async fn look(&mut self, part: Option<[u16; 4]>) -> Answered {
        let picture = self.hands().await?.look().await.map_err(lost)?;
        let screen = picture.size();
        let shown = fitted(screen, SHOWN);
        // The places of what follows are those of the whole, also after a part.
        self.shown = Some(shown);
        let (picture, part) = match part {
            None => (picture, None),
            Some([x, y, width, height]) => {
                let (left, top) = unscaled((x, y), shown, screen);
                let scaled = |length: u16| {
                    let length =
                        u32::from(length) * u32::from(screen.width) / u32::from(shown.width);
                    u16::try_from(length).unwrap_or(u16::MAX)
                };
                let rect = Rect { x: left, y: top, width: scaled(width), height: scaled(height) };
                let part = picture.part(rect).ok_or("That part lies beyond the screen.")?;
                (part, Some([x, y, width, height]))
            }
        };
        let encoded = tokio::task::spawn_blocking(move || encode(&picture));
        let (image, size) = encoded.await.map_err(lost)??;
        Ok(json!({
            "image": {"media_type": "image/png", "base64": image},
            "width": size.width, "height": size.height,
            "part": part,
            "screen": {"width": screen.width, "height": screen.height},
        }))
    }

    /// Size of the screen, and of the pictures of it.
    async fn scale(&mut self) -> Result<(Size, Size), String> {
        let screen = self.hands().await?.size();
        Ok((screen, self.shown.unwrap_or_else(|| fitted(screen, SHOWN))))
    }

    async fn place_of(&mut self, point: (u16, u16)) -> Result<Pointer, String> {
        let (screen, shown) = self.scale().await?;
        if point.0 >= shown.width || point.1 >= shown.height {
            return Err(format!(
                "{},{} lies beyond the screen, whose pictures have {} × {} pixels.",
                point.0, point.1, shown.width, shown.height
            ));
        }
        let (x, y) = unscaled(point, shown, screen);
        Ok(Pointer { x, y, buttons: 0 })
    }

    /// Moves there, or stays.
    async fn aim(&mut self, at: Option<(u16, u16)>) -> Result<Pointer, String> {
        let at = match at {
            Some(point) => self.place_of(point).await?,
            None => Pointer { buttons: 0, ..self.surroundings.wheel.pointer() },
        };
        self.point(at).await?;
        sleep(STEP).await;
        Ok(at)
    }

    async fn point(&mut self, pointer: Pointer) -> Result<(), String> {
        self.hands().await?.point(pointer).await.map_err(lost)?;
        self.surroundings.wheel.point(pointer);
        self.notes.send(Note::Pointer(pointer)).ok();
        Ok(())
    }

    async fn key(&mut self, key: u32, down: bool) -> Result<(), String> {
        self.hands().await?.key(key, down).await.map_err(lost)
    }

    async fn drag(&mut self, from: (u16, u16), to: (u16, u16), button: u8) -> Result<(), String> {
        let (from, to) = (self.place_of(from).await?, self.place_of(to).await?);
        self.point(from).await?;
        sleep(STEP).await;
        // Programs see a drag only where something moves in between.
        for stop in 0..=STOPS {
            let between = |a: u16, b: u16| {
                let sum = u32::from(a) * u32::from(STOPS - stop) + u32::from(b) * u32::from(stop);
                u16::try_from(sum / u32::from(STOPS)).unwrap_or(b)
            };
            let at =
                Pointer { x: between(from.x, to.x), y: between(from.y, to.y), buttons: button };
            self.point(at).await?;
            sleep(STEP).await;
        }
        self.point(to).await
    }

    async fn notches(&mut self, at: Pointer, button: u8, count: u8) -> Result<(), String> {
        for _ in 0..count {
            self.point(Pointer { buttons: button, ..at }).await?;
            self.point(at).await?;
            sleep(STEP).await;
        }
        Ok(())
    }

    async fn windows(&mut self) -> Answered {
        let Surroundings { workspace, walls, .. } = &self.surroundings;
        if let Some(address) = self.place.address() {
            return Err(format!(
                "The screen is `{address}`'s, whose windows cannot be listed: take a screenshot."
            ));
        }
        if workspace.programs.find("screen", desktop::WINDOW_LIST).is_none() {
            return Err(format!(
                "The runner has no `{}`, which lists windows.",
                desktop::WINDOW_LIST
            ));
        }
        let launch = Launch {
            program: desktop::WINDOW_LIST.into(),
            args: vec!["-lGx".into()],
            env: walls.environment(),
            cwd: workspace.dir.tmp(),
        };
        let mut lister = walls.spawn(&launch).await.map_err(|error| error.problem().message)?;
        let mut said = String::new();
        if let Some(out) = lister.stdout.take() {
            let read =
                tokio::time::timeout(LIST, out.take(LIST_BYTES).read_to_string(&mut said)).await;
            read.map_err(|_| "The windows cannot be listed: nobody answers.")?.map_err(lost)?;
        }
        let (screen, shown) = self.scale().await?;
        let windows: Vec<Window> = desktop::windows(&said)
            .into_iter()
            .map(|window| scaled(window, screen, shown))
            .collect();
        Ok(json!({"windows": windows}))
    }
}

/// A window's place on the pictures of the screen.
fn scaled(window: Window, screen: Size, shown: Size) -> Window {
    let across = |value: i64| value * i64::from(shown.width) / i64::from(screen.width.max(1));
    let place = |value: i32| i32::try_from(across(value.into())).unwrap_or(value);
    let length = |value: u32| u32::try_from(across(value.into())).unwrap_or(value);
    Window {
        x: place(window.x),
        y: place(window.y),
        width: length(window.width),
        height: length(window.height),
        ..window
    }
}

fn encode(picture: &Picture) -> Result<(String, Size), String> {
    let small = picture.within(SHOWN);
    let file = small.png().map_err(lost)?;
    Ok((STANDARD.encode(file), small.size()))
}

fn lost(error: impl std::fmt::Display) -> String {
    format!("The screen does not answer: {error}. Try again; it is started anew.")
}

/// Returns as soon as a person drives.
async fn taken(person: &mut watch::Receiver<Option<ScreenDriver>>) {
    if person.wait_for(Option::is_some).await.is_err() {
        std::future::pending::<()>().await;
    }
}
