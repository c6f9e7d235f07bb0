//! The decoder against a real Xvnc, and against what anybody may send.

use crate::desktop::{Desktop, PATIENCE, SIZE, bright, bytes, until};
use pilot_screen::decoder::{DecodeError, Decoder, Drawn};
use pilot_screen::picture::Picture;
use pilot_screen::rfb::greeting::{RED_FIRST, as_server, greet, preferences};
use pilot_screen::rfb::viewer::update_request;
use pilot_screen::rfb::{Size, encoding};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// What a server says of itself: a screen of this size without a name.
pub(crate) fn init(size: Size) -> Vec<u8> {
    let (width, height) = (size.width.to_be_bytes(), size.height.to_be_bytes());
    [&width[..], &height, &RED_FIRST, &[0; 4]].concat()
}

/// An update of one rectangle at the top left, in this encoding.
pub(crate) fn update(size: Size, encoding: i32, body: &[u8]) -> Vec<u8> {
    let (width, height) = (size.width.to_be_bytes(), size.height.to_be_bytes());
    let rect = [&[0; 4][..], &width, &height, &encoding.to_be_bytes()].concat();
    [&[0, 0, 0, 1][..], &rect, body].concat()
}

/// What somebody who draws it sees.
async fn decoded(
    decoder: &mut Decoder,
    picture: &mut Picture,
    said: &[u8],
) -> Result<usize, DecodeError> {
    let mut updates = 0;
    let mut hear = |drawn: Drawn| {
        updates += usize::from(matches!(drawn, Drawn::Updated));
        drawn.on(picture);
    };
    decoder.push(said, &mut hear).await.map(|()| updates)
}

/// How far two pictures are from one another, in the worst of their colours.
pub(crate) fn farthest(one: &[u8], other: &[u8]) -> u8 {
    assert_eq!(one.len(), other.len(), "pictures of the same size");
    one.iter().zip(other).map(|(one, other)| one.abs_diff(*other)).max().unwrap_or(0)
}

#[tokio::test]
async fn what_is_decoded_is_what_x_has() {
    let rows: [(&[i32], u8); 3] = [
        (&[encoding::TIGHT, encoding::COPY_RECT, encoding::LAST_RECT], 0),
        (&[encoding::ZRLE, encoding::EXTENDED_DESKTOP_SIZE], 0),
        // A photograph is near enough.
        (&[encoding::TIGHT, *encoding::QUALITY.start() + 9, encoding::LAST_RECT], 60),
    ];
    for (encodings, tolerance) in rows {
        let mut desktop = Desktop::start(SIZE).await;
        let mut hands = desktop.hands().await;
        desktop.run("xterm", &["-bg", "white", "-geometry", "60x10+40+50", "-e", "seq 99; cat"]);
        let mut stream = UnixStream::connect(desktop.socket()).await.expect("it listens");
        let init = greet(&mut stream).await.expect("it greets");
        let encodings = [encodings, &[encoding::CURSOR]].concat();
        stream.write_all(&preferences(&encodings)).await.expect("it is heard");
        stream.write_all(&update_request(false, SIZE)).await.expect("it is heard");
        until(&mut hands, "the window is there", |picture| bright(picture) > 5000).await;
        let (mut decoder, mut picture) = (Decoder::new(), Picture::black(SIZE));
        decoded(&mut decoder, &mut picture, &as_server(&init.message)).await.expect("a greeting");
        let same = async {
            let mut buffer = vec![0; 7001];
            loop {
                let read = stream.read(&mut buffer).await.expect("it speaks");
                let said = decoded(&mut decoder, &mut picture, &buffer[..read]).await;
                if said.expect("it can be decoded") == 0 {
                    continue;
                }
                if farthest(&bytes(&picture), &desktop.dump()) <= tolerance {
                    return;
                }
                stream.write_all(&update_request(true, SIZE)).await.expect("it is heard");
            }
        };
        timeout(PATIENCE, same).await.unwrap_or_else(|_| panic!("{encodings:?}: another picture"));
    }
}

/// What a server may say that lies, from its first byte on, and what it is.
pub(crate) fn lies(size: Size) -> [(&'static str, Vec<u8>); 4] {
    let greeting = as_server(&init(size));
    let large = Size { width: size.width + 1, ..size };
    [
        ("another version", b"RFB 003.003\n".to_vec()),
        ("a huge screen", as_server(&init(Size { width: 60_000, height: 60_000 }))),
        ("beyond the screen", [&greeting[..], &update(large, 0, &[])].concat()),
        ("no photograph", [&greeting[..], &update(size, 7, &[0x90, 3, 1, 2, 3])].concat()),
    ]
}

#[tokio::test]
async fn what_is_no_picture_is_refused() {
    let size = Size { width: 64, height: 32 };
    let greeting = as_server(&init(size));
    let rows = [
        ("no encoding", [&greeting[..], &update(size, 77, &[])].concat()),
        ("no zlib", [&greeting[..], &update(size, 16, &[0, 0, 0, 2, 9, 9])].concat()),
        ("no message", [&greeting[..], &[99]].concat()),
    ];
    for (what, said) in lies(size).into_iter().chain(rows) {
        let mut picture = Picture::black(size);
        let refused = decoded(&mut Decoder::new(), &mut picture, &said).await;
        assert!(refused.is_err(), "{what} is believed");
    }
}

#[tokio::test]
async fn the_clipboard_of_a_server_is_no_mark_of_ours() {
    let size = Size { width: 2, height: 1 };
    let copied = [3, 0, 0, 0, 0, 0, 0, 1, b'.'];
    let raw = update(size, 0, &[1, 2, 3, 0, 4, 5, 6, 0]);
    let said = [&as_server(&init(size))[..], &copied, &copied, &raw, &copied].concat();
    let (mut decoder, mut picture, mut updates) = (Decoder::new(), Picture::black(size), 0);
    for byte in said {
        updates += decoded(&mut decoder, &mut picture, &[byte]).await.expect("it is well formed");
    }
    assert_eq!((updates, bytes(&picture)), (1, vec![1, 2, 3, 4, 5, 6]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nonsense_is_decoded_by_nobody_and_breaks_nothing(
        nonsense in proptest::collection::vec(any::<u8>(), 0..400),
        encoding in prop_oneof![Just(0), Just(1), Just(7), Just(16), Just(-239), Just(-308)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let size = Size { width: 40, height: 30 };
            let said = [&as_server(&init(size))[..], &update(size, encoding, &nonsense)].concat();
            drop(decoded(&mut Decoder::new(), &mut Picture::black(size), &said).await);
        });
    }
}
