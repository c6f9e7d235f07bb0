//! What decodes for a viewer, before a real Xvnc and before one that lies.

use crate::decoder::{farthest, init, lies, update};
use crate::desktop::{Desktop, PATIENCE, SIZE, bright, bytes, until};
use pilot_screen::decoder::{Decoder, Drawn};
use pilot_screen::picture::Picture;
use pilot_screen::rfb::greeting::{AT_ONCE, as_server, preferences};
use pilot_screen::rfb::viewer::{key_event, update_request};
use pilot_screen::rfb::{Rect, Size, encoding};
use pilot_screen::viewing::{Said, Viewing};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// A viewer that asks when it has heard, and a canvas.
struct Viewer {
    viewing: Viewing,
    /// The server's greeting is over, which may take several reads.
    greeted: bool,
    ears: Decoder,
    picture: Picture,
    sizes: Vec<Size>,
    layouts: Vec<Vec<u8>>,
    shapes: Vec<(u16, u16)>,
    clipboard: Vec<u8>,
    updates: usize,
}

impl Viewer {
    fn new() -> Self {
        Self {
            viewing: Viewing::new(),
            greeted: false,
            ears: Decoder::new(),
            picture: Picture::black(SIZE),
            sizes: Vec::new(),
            layouts: Vec::new(),
            shapes: Vec::new(),
            clipboard: Vec::new(),
            updates: 0,
        }
    }

    /// The server said this; gives what it is told.
    async fn hears(&mut self, said: &[u8]) -> Vec<u8> {
        let said = self.viewing.hear_server(said).await.expect("it can be decoded");
        self.greeted |= !said.to_viewer.is_empty();
        let told = [said.to_server, self.hears_ours(&said.to_viewer).await].concat();
        self.looks();
        told
    }

    /// Shows the next frame; says how long it was.
    fn looks(&mut self) -> usize {
        let Some(frame) = self.viewing.frame(5) else { return 0 };
        let mut left = &frame[1..];
        let mut number = || {
            let (number, rest) = left.split_first_chunk().expect("it is whole");
            left = rest;
            u16::from_be_bytes(*number)
        };
        let [copies, rects] = [number(), number()];
        for _ in 0..copies {
            let [x, y, width, height] = [number(), number(), number(), number()];
            self.picture.copy(Rect { x, y, width, height }, (number(), number()));
        }
        for _ in 0..rects {
            let mut number = || {
                let (number, rest) = left.split_first_chunk().expect("it is whole");
                left = rest;
                u16::from_be_bytes(*number)
            };
            let [x, y, width, height] = [number(), number(), number(), number()];
            let rect = Rect { x, y, width, height };
            let (pixels, rest) = left.split_at(usize::from(width) * usize::from(height) * 4);
            assert!(pixels.chunks_exact(4).all(|pixel| pixel[3] == 255), "nothing shows through");
            self.picture.lay(rect, 0, pixels);
            left = rest;
        }
        assert!(left.is_empty(), "nothing is left of a frame");
        frame.len()
    }

    async fn hears_ours(&mut self, said: &[u8]) -> Vec<u8> {
        let before = self.updates;
        self.ears
            .push(said, &mut |drawn| {
                match &drawn {
                    Drawn::Updated => self.updates += 1,
                    Drawn::Sized(size) => self.sizes.push(*size),
                    Drawn::Layout(_, _, screens) => self.layouts.push(screens.clone()),
                    Drawn::Shape(_, size, _) => self.shapes.push(*size),
                    Drawn::Clipboard(bytes) => self.clipboard.extend_from_slice(bytes),
                    Drawn::Pixels(..) | Drawn::Copied(..) => panic!("what moves is a frame"),
                }
                drawn.on(&mut self.picture);
            })
            .await
            .expect("what it is told is RFB");
        (before..self.updates).flat_map(|_| self.asks(true)).collect()
    }

    fn says(&mut self, bytes: &[u8]) -> Said {
        self.viewing.hear_viewer(bytes).expect("it may be said")
    }

    /// Without looking at what it is told: nothing, as nothing is new.
    fn asks(&mut self, changes: bool) -> Vec<u8> {
        let said = self.says(&update_request(changes, SIZE));
        assert!(said.to_viewer.is_empty(), "half an update");
        said.to_server
    }

    /// Greets, names encodings, and asks for the first picture.
    async fn begins(&mut self, encodings: &[i32]) -> Vec<u8> {
        let said = self.says(AT_ONCE);
        self.hears_ours(&said.to_viewer).await;
        let named = self.says(&preferences(encodings)).to_server;
        [named, self.asks(false)].concat()
    }
}

const NAMED: &[i32] = &[
    encoding::TIGHT,
    encoding::COPY_RECT,
    *encoding::QUALITY.start() + 9,
    encoding::CURSOR,
    encoding::LAST_RECT,
    encoding::EXTENDED_DESKTOP_SIZE,
    encoding::EXTENDED_CLIPBOARD,
    encoding::FENCE,
    encoding::CONTINUOUS_UPDATES,
    encoding::QEMU_KEYS,
];

#[tokio::test]
async fn a_viewer_that_decodes_nothing_sees_what_x_has_also_after_a_resize() {
    let mut desktop = Desktop::start(SIZE).await;
    let mut hands = desktop.hands().await;
    desktop.run("xterm", &["-bg", "white", "-geometry", "60x10+40+50", "-e", "seq 999; cat"]);
    let mut stream = UnixStream::connect(desktop.socket()).await.expect("it listens");
    until(&mut hands, "the window is there", |picture| bright(picture) > 5000).await;
    let mut viewer = Viewer::new();
    stream.write_all(Viewing::hello()).await.expect("it is heard");
    let large = Size { width: 800, height: 500 };
    let (mut begun, mut resized) = (false, false);
    let mut buffer = vec![0; 7001];
    let same = async {
        loop {
            // A greeting comes in as many pieces as it likes.
            let most = if viewer.greeted { 7001 } else { 5 };
            let read = stream.read(&mut buffer[..most]).await.expect("it speaks");
            let mut said = viewer.hears(&buffer[..read]).await;
            if viewer.greeted && !std::mem::replace(&mut begun, true) {
                said.extend(viewer.begins(NAMED).await);
            }
            if !said.is_empty() {
                stream.write_all(&said).await.expect("it is heard");
            }
            if !begun {
                continue;
            }
            let is = viewer.picture.size();
            let (seen, there) = (bytes(&viewer.picture), desktop.dump());
            if seen.len() != there.len() || farthest(&seen, &there) > 60 {
                continue;
            }
            if resized && is == large {
                return;
            }
            if !resized && let Some(screens) = viewer.layouts.first() {
                resized = true;
                let (width, height) = (large.width.to_be_bytes(), large.height.to_be_bytes());
                let screen = [&screens[4..8], &[0; 4], &width, &height, &[0; 4]].concat();
                let wish = [&[251, 0][..], &width, &height, &[1, 0], &screen].concat();
                let said = viewer.says(&wish).to_server;
                assert_eq!(said, wish, "what a viewer does goes through");
                stream.write_all(&said).await.expect("it is heard");
            }
        }
    };
    timeout(PATIENCE, same).await.expect("both are the same");
    assert!(!viewer.shapes.is_empty(), "the pointer has a shape");
}

/// A viewer before a server of this size, that has asked.
async fn before_a_server(size: Size) -> (Viewer, Vec<u8>) {
    let mut viewer = Viewer::new();
    assert_eq!(viewer.hears(&as_server(&init(size))).await, Vec::<u8>::new());
    let said = viewer.begins(NAMED).await;
    (viewer, said)
}

#[tokio::test]
async fn the_server_is_asked_for_what_can_be_decoded_and_for_nothing_else() {
    let size = Size { width: 4, height: 2 };
    let (mut viewer, said) = before_a_server(size).await;
    let named = preferences(&NAMED[..7]);
    let (pixels, encodings) = named.split_at(20);
    assert_eq!(said, [encodings, pixels, &update_request(false, size)].concat());
    let raw = update(size, encoding::RAW, &[7; 32]);
    assert_eq!(viewer.hears(&raw).await, update_request(true, size), "the next, once");
    assert_eq!(viewer.picture.colour(3, 1), Some([7; 3]));
    let key = key_event(0x61, true);
    assert_eq!(viewer.says(&key).to_server, key);
    let fence = [248, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(viewer.says(&fence).to_server.is_empty(), "a fence ends here");
}

#[tokio::test]
async fn a_viewer_that_does_not_ask_is_told_once_what_changed_often() {
    let size = Size { width: 4, height: 2 };
    let (mut viewer, _) = before_a_server(size).await;
    for colour in 1..=9 {
        let raw = update(size, encoding::RAW, &[colour; 32]);
        let said = viewer.viewing.hear_server(&raw).await.expect("it can be decoded");
        assert_eq!(said.to_server, update_request(true, size), "the server does not wait");
    }
    const WHOLE: usize = 1 + 4 + 8 + 32;
    assert_eq!(viewer.looks(), WHOLE, "one rectangle, however often it changed");
    assert_eq!(viewer.picture.colour(0, 0), Some([9; 3]));
    assert_eq!(viewer.looks(), 0, "nothing has changed");
    viewer.asks(false);
    assert_eq!(viewer.looks(), WHOLE, "a page that was made anew is shown all");
    let raw = update(size, encoding::RAW, &[1; 32]);
    viewer.viewing.hear_server(&raw[..raw.len() - 1]).await.expect("it can be decoded");
    assert_eq!(viewer.looks(), 0, "half an update");
}

#[tokio::test]
async fn clipboards_go_through_in_whole_and_nothing_comes_between() {
    let size = Size { width: 4, height: 2 };
    let (mut viewer, _) = before_a_server(size).await;
    // Of the extended clipboard: a length below nothing, and bytes of any kind.
    let copied = [&[3, 0, 0, 0][..], &(-6_i32).to_be_bytes(), &[1, 2, 3, 4, 5, 6]].concat();
    let large = update(Size { width: 5, ..size }, encoding::DESKTOP_SIZE, &[]);
    let said = [&large[..], &copied].concat();
    let (first, rest) = said.split_at(said.len() - 2);
    viewer.hears(first).await;
    assert_eq!(viewer.updates, 0, "another size within a clipboard");
    viewer.hears(rest).await;
    assert_eq!((viewer.updates, viewer.clipboard), (1, copied));
    let put = [&[6, 0, 0, 0, 0, 0, 0, 2][..], b"hi"].concat();
    assert_eq!(viewer.viewing.hear_viewer(&put).expect("it may").to_server, put);
}

#[tokio::test]
async fn a_server_that_lies_ends_its_viewing() {
    let size = Size { width: 64, height: 32 };
    let login = ("a login", [&b"RFB 003.008\n"[..], &[1, 2]].concat());
    for (what, said) in lies(size).into_iter().chain([login]) {
        let refused = Viewing::new().hear_server(&said).await;
        assert!(refused.is_err(), "{what} is believed");
    }
    assert!(Viewing::new().hear_viewer(AT_ONCE).is_err(), "a viewer speaks second");
}
