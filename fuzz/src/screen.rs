//! The room `screen`: three peers that nobody vouches for.

use pilot_screen::decoder::{DecodeError, Decoder, Drawn};
use pilot_screen::picture::Picture;
use pilot_screen::recording::{Block, ReadError, Reader, Writer};
use pilot_screen::rfb::greeting::{AT_ONCE, RED_FIRST, ServerInit, as_server, greet};
use pilot_screen::rfb::server::{Class, ServerStream, Sink};
use pilot_screen::rfb::viewer::{Heard, Rights, ViewerStream, update_request};
use pilot_screen::rfb::{PixelFormat, Rect, RfbError, SharedFormat, Size};
use pilot_screen::viewing::Viewing;
use std::sync::Arc;

const SCREEN: Size = Size { width: 64, height: 48 };
/// The longest head of all: a list of colours, or of screens.
const LONGEST_HEAD: usize = 400_000;
/// A picture that a hostile recording may have us keep, in this harness: a
/// larger screen is right, and slow to look at a million times.
const MOST_PIXELS: usize = 1 << 20;

/// A server's greeting, and what it says then: nobody crashes, and nothing is
/// believed that no screen has.
pub fn greeting(input: &[u8]) {
    let (init, read) = greeted(input);
    let Some(init) = init else { return };
    assert!(Size::checked(init.size.width, init.size.height).is_ok());
    assert!(init.message.len() <= read);
}

/// A server behind its greeting. The first byte says how what it says is cut.
pub fn server(input: &[u8]) {
    let Some((seed, said)) = input.split_first() else { return };
    let whole = listened(SCREEN, [said]);
    let pieces = listened(SCREEN, cut(said, *seed));
    assert_eq!(whole, pieces, "cut or not, it is read the same");
    let (seen, _) = whole;
    assert!(seen.bytes.len() <= said.len(), "nothing is made up");
}

/// A viewer from its first byte on. The first byte says how what it says is
/// cut, the second what it may.
pub fn viewer(input: &[u8]) {
    let [seed, rights, said @ ..] = input else { return };
    let rights = Rights { drives: rights & 1 != 0, copies: rights & 2 != 0 };
    let whole = obeyed(rights, [said]);
    assert_eq!(whole, obeyed(rights, cut(said, *seed)), "cut or not, it is heard the same");
    let (heard, _) = whole;
    assert!(heard.forward.len() <= said.len(), "nothing is said in a viewer's name");
    if !rights.drives {
        assert!(heard.pointer.is_none(), "whoever looks on points at nothing");
        assert!(!heard.touched || rights.copies, "and touches nothing");
    }
}

/// A recording: it is read to its end or to what is wrong with it, and what was
/// read is the same when it is written and read again. The screen in it is
/// drawn as a player would.
pub fn recording(input: &[u8]) {
    let Ok(mut reader) = Reader::open(input) else { return };
    let head = reader.head().clone();
    let mut blocks = blocks(&mut reader);
    // Bytes that are none are not written.
    blocks.retain(|(_, block)| !matches!(block, Block::Bytes(bytes) if bytes.is_empty()));
    let mut again = Vec::new();
    let mut writer = Writer::begin(&mut again, &head).expect("memory takes everything");
    for (millis, block) in &blocks {
        writer.write(*millis, block).expect("memory takes everything");
    }
    // A word that was no UTF-8 is longer now, and may have been cut.
    if !blocks.iter().any(|(_, block)| matches!(block, Block::Mark(_))) {
        let mut reader = Reader::open(&*again).expect("we wrote it");
        assert_eq!(self::blocks(&mut reader), blocks);
    }
    let ends = [&(0, Block::Stream)];
    let mut stream = Vec::new();
    for (_, block) in blocks.iter().chain(ends) {
        match block {
            Block::Stream => drawn(&std::mem::take(&mut stream)),
            Block::Bytes(bytes) => stream.extend_from_slice(bytes),
            _ => {}
        }
    }
}

fn blocks(reader: &mut Reader<&[u8]>) -> Vec<(u32, Block)> {
    let mut blocks = Vec::new();
    let mut last = 0;
    loop {
        match reader.next() {
            Ok(Some((millis, block))) => {
                assert!(millis >= last, "time does not go back");
                last = millis;
                blocks.push((millis, block));
            }
            Ok(None) | Err(ReadError::Broken(_)) => return blocks,
            Err(error) => panic!("memory is always there: {error}"),
        }
    }
}

/// A server behind its greeting, decoded. The first byte says how what it says
/// is cut.
pub fn decoder(input: &[u8]) {
    let Some((seed, said)) = input.split_first() else { return };
    let whole = decoded([said]);
    let pieces = decoded(cut(said, *seed));
    if let (Some(whole), Some(pieces)) = (whole, pieces) {
        assert!(whole == pieces, "cut or not, it looks the same");
    }
}

/// What stands on the screen behind the last whole update; none where it cannot
/// be drawn.
fn decoded<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<Picture> {
    super::runtime().block_on(async {
        let (mut decoder, mut picture) = (Decoder::new(), Picture::black(SCREEN));
        let mut shown = picture.clone();
        let mut hear = |drawn: Drawn| {
            if let Drawn::Pixels(rect, pixels) = &drawn {
                assert_eq!(pixels.len() as u64, rect.pixels() * 4, "pixels fill their place");
            }
            match &drawn {
                Drawn::Sized(size) if size.pixels() > MOST_PIXELS => {}
                Drawn::Updated => shown = picture.clone(),
                drawn => drawn.on(&mut picture),
            }
        };
        decoder.push(&as_server(&server_init()), &mut hear).await.expect("a sound greeting");
        for piece in pieces {
            decoder.push(piece, &mut hear).await.ok()?;
        }
        Some(shown)
    })
}

/// A server behind its greeting, decoded on the way to a page. The first byte
/// says how what it says is cut; of what follows the second, so many bytes are
/// what the viewer said before. Whoever asks as a page does, and follows the
/// frames, sees what the server drew.
pub fn viewing(input: &[u8]) {
    let [seed, asked, said @ ..] = input else { return };
    let (asked, said) = said.split_at(said.len().min(usize::from(*asked)));
    super::runtime().block_on(async {
        let (mut drawn, mut page) = (Drawer::new(), Page::new());
        let greeting = as_server(&server_init());
        drawn.hears(&greeting).await.expect("a sound greeting");
        page.hears(&greeting).await.expect("a sound greeting");
        page.says(AT_ONCE).await.expect("a page's own words");
        page.asks(false).await.expect("a page's own words");
        if page.says(asked).await.is_err() {
            return;
        }
        for piece in cut(said, *seed) {
            let plain = drawn.hears(piece).await;
            if drawn.too_large {
                return;
            }
            // Each hears of an error when its own decoder comes to it.
            if plain.is_err() || page.hears(piece).await.is_err() || page.is_lost {
                assert!(!page.is_lost || !asked.is_empty(), "a page's own words are understood");
                return;
            }
        }
        // Whoever said half a message before does not ask any more; and half an
        // update is drawn as far as it came, but not shown.
        if asked.is_empty() && !drawn.blank && ends_with_an_update(said) {
            assert_eq!(page.picture.size(), drawn.picture.size());
            let colours = |picture: &Picture| -> Vec<u8> {
                picture.pixels().chunks_exact(4).flat_map(|pixel| &pixel[..3]).copied().collect()
            };
            assert!(colours(&page.picture) == colours(&drawn.picture), "the page shows it");
        }
    });
}

/// Nothing follows the last update.
fn ends_with_an_update(said: &[u8]) -> bool {
    #[derive(Default)]
    struct Last {
        whole: bool,
    }
    impl Sink for Last {
        fn bytes(&mut self, _: Class, _: &[u8]) {
            self.whole = false;
        }

        fn updated(&mut self) {
            self.whole = true;
        }
    }
    let format = Arc::new(SharedFormat::new(PixelFormat::TRUE));
    let mut last = Last::default();
    let heard = ServerStream::new(SCREEN, format).push(said, &mut last);
    heard.is_ok() && last.whole
}

/// Decodes, and draws.
struct Drawer {
    decoder: Decoder,
    picture: Picture,
    /// No pixel of this size has come.
    blank: bool,
    too_large: bool,
    updates: usize,
}

impl Drawer {
    fn new() -> Self {
        let (decoder, picture) = (Decoder::new(), Picture::black(SCREEN));
        Self { decoder, picture, blank: true, too_large: false, updates: 0 }
    }

    async fn hears(&mut self, said: &[u8]) -> Result<(), DecodeError> {
        let Self { decoder, picture, blank, too_large, updates } = self;
        let mut hear = |drawn: Drawn| {
            match &drawn {
                Drawn::Updated => *updates += 1,
                Drawn::Pixels(..) => *blank = false,
                Drawn::Sized(size) if size.pixels() > MOST_PIXELS => return *too_large = true,
                Drawn::Sized(size) => *blank |= *size != picture.size(),
                Drawn::Copied(..) | Drawn::Layout(..) | Drawn::Shape(..) | Drawn::Clipboard(_) => {}
            }
            drawn.on(picture);
        };
        decoder.push(said, &mut hear).await
    }
}

/// Asks as a page does, and follows the frames.
struct Page {
    viewing: Viewing,
    /// Of what is said in a server's name.
    ears: Drawer,
    picture: Picture,
    /// What it asks is not understood.
    is_lost: bool,
}

impl Page {
    fn new() -> Self {
        let picture = Picture::black(SCREEN);
        Self { viewing: Viewing::new(), ears: Drawer::new(), picture, is_lost: false }
    }

    async fn hears(&mut self, said: &[u8]) -> Result<(), DecodeError> {
        let said = self.viewing.hear_server(said).await?;
        self.is_told(&said.to_viewer).await;
        self.looks();
        Ok(())
    }

    async fn says(&mut self, bytes: &[u8]) -> Result<(), RfbError> {
        let said = self.viewing.hear_viewer(bytes)?;
        self.is_told(&said.to_viewer).await;
        Ok(())
    }

    async fn asks(&mut self, changes: bool) -> Result<(), RfbError> {
        self.says(&update_request(changes, self.picture.size())).await
    }

    /// Of sizes and shapes; each is asked for anew.
    async fn is_told(&mut self, said: &[u8]) {
        let mut said = said.to_vec();
        while !said.is_empty() {
            let before = self.ears.updates;
            self.ears.hears(&said).await.expect("what a page is told is sound");
            assert!(self.ears.blank, "no pixel goes that way");
            let size = self.ears.picture.size();
            if size != self.picture.size() {
                self.picture = Picture::black(size);
            }
            said.clear();
            for _ in before..self.ears.updates {
                match self.viewing.hear_viewer(&update_request(true, size)) {
                    Ok(heard) => said.extend(heard.to_viewer),
                    Err(_) => self.is_lost = true,
                }
            }
        }
    }

    fn looks(&mut self) {
        let Some(frame) = self.viewing.frame(0) else { return };
        let mut left = &frame[1..];
        let mut take = |length: usize| {
            let (taken, rest) = left.split_at(length);
            left = rest;
            taken
        };
        let number = |bytes: &[u8], at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let place = |bytes: &[u8]| {
            let [x, y, width, height] = [0, 2, 4, 6].map(|at| number(bytes, at));
            Rect { x, y, width, height }
        };
        let counts = take(4);
        for _ in 0..number(counts, 0) {
            let copied = take(12);
            self.picture.copy(place(copied), (number(copied, 8), number(copied, 10)));
        }
        for _ in 0..number(counts, 2) {
            let rect = place(take(8));
            let length = usize::from(rect.width) * usize::from(rect.height) * 4;
            self.picture.lay(rect, 0, take(length));
        }
        assert!(left.is_empty(), "nothing is left of a frame");
    }
}

/// The message in which a server says how large its screen is.
fn server_init() -> Vec<u8> {
    let ([w1, w2], [h1, h2]) = (SCREEN.width.to_be_bytes(), SCREEN.height.to_be_bytes());
    [&[w1, w2, h1, h2][..], &RED_FIRST, &[0; 4]].concat()
}

/// What of a stream is a screen, drawn.
fn drawn(stream: &[u8]) {
    let (Some(init), read) = greeted(stream) else { return };
    if init.size.pixels() > MOST_PIXELS {
        return;
    }
    let format = Arc::new(SharedFormat::new(PixelFormat::TRUE));
    let mut canvas = Canvas(Picture::black(init.size));
    ServerStream::new(init.size, format).push(&stream[read..], &mut canvas).ok();
}

struct Canvas(Picture);

impl Sink for Canvas {
    fn bytes(&mut self, _: Class, _: &[u8]) {}

    fn pixels(&mut self, rect: Rect, at: usize, bytes: &[u8]) {
        self.0.lay(rect, at, bytes);
    }

    fn resized(&mut self, size: Size) {
        if size.pixels() <= MOST_PIXELS {
            self.0 = Picture::black(size);
        }
    }
}

/// Of a server's bytes what its greeting says, and how many those were.
fn greeted(input: &[u8]) -> (Option<ServerInit>, usize) {
    let mut stream = tokio::io::join(input, tokio::io::sink());
    let init = super::runtime().block_on(greet(&mut stream)).ok();
    (init, input.len() - stream.reader().len())
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    bytes: Vec<u8>,
    pixels: usize,
    clipboard: usize,
    updates: usize,
    sizes: Vec<Size>,
}

impl Sink for Seen {
    fn bytes(&mut self, class: Class, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.clipboard += if class == Class::Clipboard { bytes.len() } else { 0 };
    }

    fn pixels(&mut self, rect: Rect, at: usize, bytes: &[u8]) {
        let whole = usize::from(rect.width) * usize::from(rect.height) * 4;
        assert!(at + bytes.len() <= whole, "no pixel beyond its rectangle");
        self.pixels += bytes.len();
        self.bytes.extend_from_slice(bytes);
    }

    fn resized(&mut self, size: Size) {
        self.sizes.push(size);
    }

    fn updated(&mut self) {
        self.updates += 1;
    }
}

fn listened<'a>(
    size: Size,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Seen, Result<(), RfbError>) {
    let format = Arc::new(SharedFormat::new(PixelFormat::TRUE));
    let (mut stream, mut seen) = (ServerStream::new(size, format), Seen::default());
    for piece in pieces {
        let pushed = stream.push(piece, &mut seen);
        assert!(stream.held() <= LONGEST_HEAD, "no more than a head is held");
        if pushed.is_err() {
            return (seen, pushed);
        }
    }
    (seen, Ok(()))
}

fn obeyed<'a>(
    rights: Rights,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Heard, Result<(), RfbError>) {
    let format = Arc::new(SharedFormat::new(PixelFormat::TRUE));
    let mut stream = ViewerStream::new(b"a screen".to_vec(), format);
    let mut all = Heard::default();
    for piece in pieces {
        match stream.push(piece, rights) {
            Ok(heard) => {
                all.forward.extend(heard.forward);
                all.reply.extend(heard.reply);
                all.touched |= heard.touched;
                all.pointer = heard.pointer.or(all.pointer);
            }
            // What came with it went nowhere: a relay closes.
            Err(error) => return (Heard::default(), Err(error)),
        }
    }
    stream.release();
    assert!(stream.release().is_empty(), "what is let go of is let go of once");
    (all, Ok(()))
}

/// In pieces of lengths that follow from the seed.
fn cut(mut bytes: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(seed) * 2 + 1;
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        // A linear congruence, of Numerical Recipes: few bytes mostly.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = 1 + (state >> 24) as usize % (1 + usize::from(seed)).min(40);
        let (piece, rest) = bytes.split_at(length.min(bytes.len()));
        bytes = rest;
        Some(piece)
    })
}
