//! What a viewer says: its greeting is answered here, and of its messages
//! those go on to the desktop's server that it may send.
//!
//! **Invariants:** the first message goes on only behind a whole greeting;
//! whoever does not drive moves no pointer, presses no key, resizes nothing and
//! puts nothing into the clipboard; an encoding that [`super::server`] cannot
//! read is never asked for; a clipboard is never held, however long it is.

use super::greeting::RED_FIRST;
use super::{PixelFormat, RfbError, SharedFormat, Size, VERSION, encoding, i32_at, u16_at, u32_at};
use crate::keymap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a viewer may, at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Type, point, paste, resize.
    pub drives: bool,
    /// Have the screen's clipboard.
    pub copies: bool,
}

/// What became of a viewer's bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Goes on to the desktop's server.
    pub forward: Vec<u8>,
    /// Goes back to the viewer.
    pub reply: Vec<u8>,
    /// Keys, pointer or clipboard were among what goes on.
    pub touched: bool,
    /// Where the pointer is now, and its buttons.
    pub pointer: Option<Pointer>,
    /// An update was asked for, with a decoder on the way; `Some(false)`: of
    /// everything.
    pub asked: Option<bool>,
}

/// A pointer, as RFB has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pointer {
    /// From the left.
    pub x: u16,
    /// From the top.
    pub y: u16,
    /// Bit 0: the left button.
    pub buttons: u8,
}

/// Encodings that a viewer names. Clients know some dozens.
const MOST_ENCODINGS: u16 = 512;
/// Keys that are down at once; beyond them nobody's hands reach.
const MOST_KEYS: usize = 32;
/// More screens than anybody's wall has.
const MOST_SCREENS: u8 = 16;
/// Longest clipboard that goes on.
const LONGEST_CLIPBOARD: u32 = 1024 * 1024;
/// Actions of the extended clipboard that offer or bring contents.
const NOTIFY: u32 = 1 << 27;
const PROVIDE: u32 = 1 << 28;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Version,
    Security,
    Init,
    Messages,
}

/// What a viewer says, read on and on.
#[derive(Debug)]
pub struct ViewerStream {
    state: State,
    /// What a server says of its screen, sent when the viewer asks for it.
    server_init: Vec<u8>,
    format: Arc<SharedFormat>,
    /// The keyboard there is [`crate::keymap`]'s.
    our_keyboard: bool,
    /// What the server says is decoded on the way.
    decoded: bool,
    /// Updates were asked for: from now on the format's lengths stay.
    updates: bool,
    held: Vec<u8>,
    /// Rest of a clipboard, and whether it goes on.
    body: (u32, bool),
    keys: BTreeSet<u32>,
    pointer: Pointer,
}

impl ViewerStream {
    /// A viewer that has said nothing yet. `server_init`: the message.
    pub fn new(server_init: Vec<u8>, format: Arc<SharedFormat>) -> Self {
        Self {
            state: State::Version,
            server_init,
            format,
            our_keyboard: false,
            decoded: false,
            updates: false,
            held: Vec::new(),
            body: (0, false),
            keys: BTreeSet::new(),
            pointer: Pointer::default(),
        }
    }

    /// The desktop has the keyboard of [`crate::keymap`]: keys get the names
    /// that are on it.
    pub fn on_our_keyboard(self) -> Self {
        Self { our_keyboard: true, ..self }
    }

    /// A decoder is on the way, which asks the server for what it can read;
    /// what the viewer asks for is told, and goes no further.
    pub(crate) fn before_a_decoder(self) -> Self {
        Self { decoded: true, ..self }
    }

    /// What is said before the viewer says anything.
    pub fn hello() -> &'static [u8] {
        VERSION
    }

    /// The greeting is over.
    pub fn is_greeted(&self) -> bool {
        self.state == State::Messages
    }

    /// Takes in what came.
    pub fn push(&mut self, mut input: &[u8], rights: Rights) -> Result<Heard, RfbError> {
        let mut heard = Heard::default();
        loop {
            let (left, goes_on) = self.body;
            let now = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
            if now > 0 {
                if goes_on {
                    heard.forward.extend_from_slice(&input[..now]);
                }
                input = &input[now..];
                self.body.0 -= u32::try_from(now).unwrap_or(left);
                continue;
            }
            if self.body.0 > 0 {
                return Ok(heard);
            }
            let need = self.need()?;
            if self.held.len() < need {
                let taken = input.len().min(need - self.held.len());
                self.held.extend_from_slice(&input[..taken]);
                input = &input[taken..];
                if self.held.len() < need {
                    return Ok(heard);
                }
                continue;
            }
            let held = std::mem::take(&mut self.held);
            self.message(held, rights, &mut heard)?;
        }
    }

    /// Lets go of what is held down: whoever held it drives no more.
    pub fn release(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for key in std::mem::take(&mut self.keys) {
            bytes.extend_from_slice(&key_event(key, false));
        }
        if self.pointer.buttons != 0 {
            self.pointer.buttons = 0;
            bytes.extend_from_slice(&pointer_event(self.pointer));
        }
        bytes
    }

    fn need(&self) -> Result<usize, RfbError> {
        let held = &self.held;
        let counted = |head: usize, at: usize, each: usize| {
            if held.len() < head { head } else { head + each * usize::from(u16_at(held, at)) }
        };
        match self.state {
            State::Version => Ok(VERSION.len()),
            State::Security | State::Init => Ok(1),
            State::Messages => match held.first() {
                None => Ok(1),
                Some(0) => Ok(4 + PixelFormat::LENGTH),
                Some(2) if held.len() >= 4 && u16_at(held, 2) > MOST_ENCODINGS => {
                    Err(RfbError::Size { what: "a list", value: u16_at(held, 2).into() })
                }
                Some(2) => Ok(counted(4, 2, 4)),
                Some(3 | 150) => Ok(10),
                Some(4) => Ok(8),
                Some(5) => Ok(6),
                // Of the extended clipboard the action belongs to the head.
                Some(6) if held.len() >= 8 && i32_at(held, 4) < 0 => Ok(12),
                Some(6) => Ok(8),
                Some(248) => Ok(if held.len() < 9 { 9 } else { 9 + usize::from(held[8]) }),
                Some(251) if held.len() >= 8 && held[6] > MOST_SCREENS => {
                    Err(RfbError::Size { what: "a wall of screens", value: held[6].into() })
                }
                Some(251) => Ok(if held.len() < 8 { 8 } else { 8 + 16 * usize::from(held[6]) }),
                Some(255) if held.len() < 2 => Ok(2),
                Some(255) if held[1] == 0 => Ok(12),
                Some(kind) => Err(RfbError::Message(*kind)),
            },
        }
    }

    fn message(
        &mut self,
        mut held: Vec<u8>,
        rights: Rights,
        heard: &mut Heard,
    ) -> Result<(), RfbError> {
        match self.state {
            State::Version => {
                if held != *VERSION {
                    return Err(RfbError::Version);
                }
                // One way to log in: none, because the tunnel was it.
                heard.reply.extend_from_slice(&[1, 1]);
                self.state = State::Security;
            }
            State::Security => {
                if held != [1] {
                    return Err(RfbError::Login(format!("the kind {} was not offered", held[0])));
                }
                heard.reply.extend_from_slice(&[0; 4]);
                self.state = State::Init;
            }
            State::Init => {
                heard.reply.append(&mut self.server_init);
                self.state = State::Messages;
            }
            State::Messages => {
                if self.our_keyboard && matches!(held[0], 4 | 255) {
                    let key = keymap::named(u32_at(&held, 4));
                    held[4..8].copy_from_slice(&key.to_be_bytes());
                }
                self.said(&held, rights, heard)?;
            }
        }
        Ok(())
    }

    fn said(&mut self, held: &[u8], rights: Rights, heard: &mut Heard) -> Result<(), RfbError> {
        let goes_on = match held[0] {
            // The decoder's, and no other.
            0 if self.decoded && held[4..] != RED_FIRST => return Err(RfbError::Format),
            0 => self.set_format(held)? && !self.decoded,
            2 => {
                let passes = |encoding| {
                    passes(encoding, rights) && !(self.decoded && beyond_a_decoder(encoding))
                };
                heard.forward.extend_from_slice(&set_encodings(held, passes));
                false
            }
            3 => {
                self.updates = true;
                if self.decoded {
                    let changes = held[1] != 0;
                    heard.asked = Some(heard.asked.unwrap_or(true) && changes);
                }
                !self.decoded
            }
            4 => rights.drives && self.key(u32_at(held, 4), held[1] != 0, heard),
            255 => rights.drives && self.key(u32_at(held, 4), u16_at(held, 2) != 0, heard),
            5 => rights.drives && self.point(held, heard),
            6 => self.clipboard(held, rights, heard),
            150 => {
                self.updates |= held[1] != 0;
                !self.decoded
            }
            251 => rights.drives && Size::checked(u16_at(held, 2), u16_at(held, 4)).is_ok(),
            // Fences.
            _ => !self.decoded,
        };
        if goes_on {
            heard.forward.extend_from_slice(held);
        }
        Ok(())
    }

    /// What is under way to the viewer has the lengths of before, so they may
    /// change only while nothing can be.
    fn set_format(&mut self, held: &[u8]) -> Result<bool, RfbError> {
        let bytes: [u8; PixelFormat::LENGTH] =
            held[4..].try_into().map_err(|_| RfbError::Format)?;
        let format = PixelFormat::read(&bytes)?;
        if self.updates && format != self.format.get() {
            return Err(RfbError::Format);
        }
        self.format.set(format);
        Ok(true)
    }

    fn key(&mut self, key: u32, down: bool, heard: &mut Heard) -> bool {
        heard.touched = true;
        if !down {
            self.keys.remove(&key);
            return true;
        }
        // Repeated by the keyboard, or one more.
        if self.keys.contains(&key) || self.keys.len() < MOST_KEYS {
            self.keys.insert(key);
            return true;
        }
        false
    }

    fn point(&mut self, held: &[u8], heard: &mut Heard) -> bool {
        self.pointer = Pointer { buttons: held[1], x: u16_at(held, 2), y: u16_at(held, 4) };
        heard.pointer = Some(self.pointer);
        heard.touched = true;
        true
    }

    fn clipboard(&mut self, held: &[u8], rights: Rights, heard: &mut Heard) -> bool {
        let claimed = i32_at(held, 4);
        let (length, allowed) = if claimed < 0 {
            let action = u32_at(held, 8);
            let brings = action & (NOTIFY | PROVIDE) != 0;
            let allowed = rights.copies && (rights.drives || !brings);
            heard.touched |= brings && allowed;
            (claimed.unsigned_abs(), allowed)
        } else {
            heard.touched |= rights.drives;
            (claimed.unsigned_abs(), rights.drives)
        };
        let in_head = if claimed < 0 { 4 } else { 0 };
        let goes_on = allowed && length <= LONGEST_CLIPBOARD && length >= in_head;
        self.body = (length.saturating_sub(in_head), goes_on);
        goes_on
    }
}

/// The encodings that a viewer names, without those that may not pass.
fn set_encodings(held: &[u8], passes: impl Fn(i32) -> bool) -> Vec<u8> {
    let named = held[4..].chunks_exact(4).map(|bytes| i32_at(bytes, 0));
    let kept: Vec<i32> = named.filter(|encoding| passes(*encoding)).collect();
    let count = u16::try_from(kept.len()).unwrap_or(MOST_ENCODINGS);
    let mut bytes = vec![2, 0];
    bytes.extend_from_slice(&count.to_be_bytes());
    bytes.extend(kept.into_iter().flat_map(i32::to_be_bytes));
    bytes
}

/// What is about the connection itself, which ends at a decoder.
fn beyond_a_decoder(named: i32) -> bool {
    matches!(
        named,
        encoding::DESKTOP_NAME
            | encoding::QEMU_KEYS
            | encoding::FENCE
            | encoding::CONTINUOUS_UPDATES
    )
}

fn passes(named: i32, rights: Rights) -> bool {
    match named {
        encoding::RAW
        | encoding::COPY_RECT
        | encoding::TIGHT
        | encoding::ZRLE
        | encoding::CURSOR
        | encoding::DESKTOP_SIZE
        | encoding::EXTENDED_DESKTOP_SIZE
        | encoding::LAST_RECT
        | encoding::DESKTOP_NAME
        | encoding::QEMU_KEYS
        | encoding::FENCE
        | encoding::CONTINUOUS_UPDATES => true,
        encoding::EXTENDED_CLIPBOARD => rights.copies,
        other => encoding::QUALITY.contains(&other) || encoding::COMPRESSION.contains(&other),
    }
}

/// A key goes down, or up.
pub fn key_event(key: u32, down: bool) -> [u8; 8] {
    let [k1, k2, k3, k4] = key.to_be_bytes();
    [4, u8::from(down), 0, 0, k1, k2, k3, k4]
}

/// The pointer is there, with these buttons.
pub fn pointer_event(pointer: Pointer) -> [u8; 6] {
    let ([x1, x2], [y1, y2]) = (pointer.x.to_be_bytes(), pointer.y.to_be_bytes());
    [5, pointer.buttons, x1, x2, y1, y2]
}

/// Wants the screen: what changed of it, or all.
pub fn update_request(incremental: bool, size: Size) -> [u8; 10] {
    let ([w1, w2], [h1, h2]) = (size.width.to_be_bytes(), size.height.to_be_bytes());
    [3, u8::from(incremental), 0, 0, 0, 0, w1, w2, h1, h2]
}
