//! The two directions of a relay, against peers that keep no rule.

use pilot_screen::rfb::server::{Class, ServerStream, Sink};
use pilot_screen::rfb::viewer::{
    Heard, Pointer, Rights, ViewerStream, key_event, pointer_event, update_request,
};
use pilot_screen::rfb::{PixelFormat, Rect, RfbError, SharedFormat, Size};
use proptest::prelude::*;
use std::sync::Arc;

const NOTHING: &[u8] = &[];
const SCREEN: Size = Size { width: 64, height: 48 };
/// The longest head of all: a Tight palette, or a list of screens.
const LONGEST_HEAD: usize = 400_000;

fn format() -> Arc<SharedFormat> {
    Arc::new(SharedFormat::new(PixelFormat::TRUE))
}

fn server() -> ServerStream {
    ServerStream::new(SCREEN, format())
}

#[derive(Default, PartialEq, Debug)]
struct Seen {
    screen: Vec<u8>,
    clipboard: Vec<u8>,
    raw: usize,
    updates: usize,
    sizes: Vec<Size>,
}

impl Sink for Seen {
    fn bytes(&mut self, class: Class, bytes: &[u8]) {
        match class {
            Class::Screen => self.screen.extend_from_slice(bytes),
            Class::Clipboard => self.clipboard.extend_from_slice(bytes),
        }
    }

    fn pixels(&mut self, _rect: Rect, _at: usize, bytes: &[u8]) {
        self.raw += bytes.len();
        self.screen.extend_from_slice(bytes);
    }

    fn resized(&mut self, size: Size) {
        self.sizes.push(size);
    }

    fn updated(&mut self) {
        self.updates += 1;
    }
}

fn rect(x: u16, y: u16, width: u16, height: u16, encoding: i32, body: &[u8]) -> Vec<u8> {
    let head = [x, y, width, height].into_iter().flat_map(u16::to_be_bytes);
    head.chain(encoding.to_be_bytes()).chain(body.iter().copied()).collect()
}

fn update(count: u16, rects: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0, 0];
    bytes.extend_from_slice(&count.to_be_bytes());
    bytes.extend(rects.iter().flatten());
    bytes
}

/// Tight's length of up to 22 bits.
fn tight_length(length: usize) -> Vec<u8> {
    let byte = |shift: usize| u8::try_from(length >> shift & 0x7f).expect("seven bits");
    match length {
        0..0x80 => vec![byte(0)],
        0x80..0x4000 => vec![byte(0) | 0x80, byte(7)],
        _ => vec![byte(0) | 0x80, byte(7) | 0x80, u8::try_from(length >> 14).expect("a byte")],
    }
}

fn tight(control: &[u8], data: usize) -> Vec<u8> {
    [control, &tight_length(data), &vec![9; data]].concat()
}

/// Every message and every encoding that a server may send.
fn everything() -> Vec<u8> {
    let palette = |last: u8| [&[0x40, 1, last][..], &vec![0; 3 * (usize::from(last) + 1)]].concat();
    let screens = [&[1, 0, 0, 0][..], &[0; 16]].concat();
    let rects = [
        rect(0, 0, 2, 2, 0, &[7; 16]),
        rect(0, 0, 8, 8, 1, &[0; 4]),
        rect(0, 0, 64, 48, 7, &[0x80, 1, 2, 3]),
        rect(0, 0, 64, 48, 7, &tight(&[0x90], 20_000)),
        rect(0, 0, 64, 48, 7, &tight(&[0x00], 300)),
        rect(0, 0, 1, 3, 7, &[0x00, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        rect(0, 0, 64, 48, 7, &tight(&[0x50, 2], 5)),
        rect(0, 0, 8, 8, 7, &[&palette(1)[..], &[5; 8]].concat()),
        rect(0, 0, 8, 8, 7, &[&palette(255)[..], &tight(&[], 60)].concat()),
        rect(0, 0, 64, 48, 16, &[&100_u32.to_be_bytes()[..], &[1; 100]].concat()),
        rect(3, 3, 9, 2, -239, &[0; 9 * 2 * 4 + 2 * 2]),
        rect(0, 0, 0, 0, -258, &[]),
        rect(0, 0, 0, 0, -307, b"\0\0\0\x04name"),
        rect(0, 0, 100, 90, -308, &screens),
        rect(0, 3, 5000, 5000, -308, &screens),
        rect(90, 80, 10, 10, 0, &[7; 400]),
    ];
    let count = u16::try_from(rects.len()).expect("few");
    let ends_itself = update(0xffff, &[rect(0, 0, 2, 2, 0, &[7; 16]), rect(0, 0, 0, 0, -224, &[])]);
    [
        update(count, &rects),
        update(0, &[]),
        ends_itself,
        vec![2],
        vec![150],
        [&[1, 0, 0, 0, 0, 1][..], &[0; 6]].concat(),
        [&[248, 0, 0, 0, 0, 0, 0, 1, 3][..], b"abc"].concat(),
    ]
    .concat()
}

fn cut_text(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("short").to_be_bytes();
    [&[3, 0, 0, 0][..], &length, text].concat()
}

fn read(pieces: &[&[u8]]) -> Result<Seen, RfbError> {
    let (mut stream, mut seen) = (server(), Seen::default());
    for piece in pieces {
        stream.push(piece, &mut seen)?;
    }
    Ok(seen)
}

#[test]
fn every_message_of_a_server_is_handed_on_byte_for_byte() {
    let (screen, text) = (everything(), cut_text(b"copied"));
    let seen = read(&[&screen, &text, &screen]).expect("all of it may come");
    assert_eq!(seen.screen, [screen.as_slice(), &screen].concat());
    assert_eq!(seen.clipboard, text, "told apart, so that it can be left out");
    assert_eq!((seen.updates, seen.raw), (6, 2 * (16 + 400 + 16)));
    assert_eq!(seen.sizes, vec![Size { width: 100, height: 90 }; 2], "a refusal resizes nothing");
}

#[test]
fn what_a_hostile_server_claims_is_refused_before_it_is_believed() {
    let huge = u32::MAX.to_be_bytes();
    for (what, bytes) in [
        ("a rectangle beyond the screen", update(1, &[rect(60, 0, 5, 1, 0, &[])])),
        (
            "one far beyond",
            update(1, &[rect(u16::MAX, u16::MAX, u16::MAX, u16::MAX, 7, &[0x80, 0, 0, 0])]),
        ),
        ("a copy from beyond", update(1, &[rect(0, 0, 9, 9, 1, &[0xff; 4])])),
        ("a size of nothing", update(1, &[rect(0, 0, 0, 4, -223, &[])])),
        ("a size that no canvas has", update(1, &[rect(0, 0, 8192, 8192, -223, &[])])),
        ("data without end", update(1, &[rect(0, 0, 8, 8, 16, &huge)])),
        ("a name without end", update(1, &[rect(0, 0, 8, 8, -307, &huge)])),
        ("a giant's pointer", update(1, &[rect(0, 0, 2000, 2, -239, &[])])),
        ("a clipboard without end", [&[3, 0, 0, 0, 0x7f][..], &[0xff; 3]].concat()),
        ("the extended one", [&[3, 0, 0, 0, 0x80][..], &[0; 3]].concat()),
        ("an encoding nobody asked for", update(1, &[rect(0, 0, 8, 8, 5, &[])])),
        ("a PNG in Tight", update(1, &[rect(0, 0, 8, 8, 7, &[0xa0])])),
        ("an unknown filter", update(1, &[rect(0, 0, 8, 8, 7, &[0x40, 9])])),
        ("an unknown message", vec![77]),
    ] {
        let refused = read(&[&bytes]).expect_err(what);
        assert!(!refused.to_string().is_empty(), "{what}");
    }
}

const DRIVES: Rights = Rights { drives: true, copies: true };
const LOOKS: Rights = Rights { drives: false, copies: false };

/// A viewer that has greeted.
fn viewer() -> ViewerStream {
    let mut stream = ViewerStream::new(b"init".to_vec(), format());
    let mut say = |bytes: &[u8]| stream.push(bytes, LOOKS).expect("a greeting").reply;
    assert_eq!(say(b"RFB 003.008\n"), [1, 1], "no password: the tunnel was it");
    assert_eq!(say(&[1]), [0; 4]);
    assert_eq!(say(&[1]), b"init");
    assert!(stream.is_greeted());
    stream
}

fn set_encodings(named: &[i32]) -> Vec<u8> {
    let count = u16::try_from(named.len()).expect("few").to_be_bytes();
    [&[2, 0][..], &count]
        .concat()
        .into_iter()
        .chain(named.iter().flat_map(|one| one.to_be_bytes()))
        .collect()
}

fn clipboard(length: i32, body: &[u8]) -> Vec<u8> {
    [&[6, 0, 0, 0][..], &length.to_be_bytes(), body].concat()
}

fn resize(width: u16, height: u16) -> Vec<u8> {
    let ([w1, w2], [h1, h2]) = (width.to_be_bytes(), height.to_be_bytes());
    [&[251, 0, w1, w2, h1, h2, 1, 0][..], &[0; 16]].concat()
}

#[test]
fn whoever_drives_does_everything_and_whoever_looks_on_nothing() {
    let pointer = Pointer { x: 4, y: 5, buttons: 1 };
    let extended_key =
        [&[255, 0, 0, 1][..], &0x61_u32.to_be_bytes(), &30_u32.to_be_bytes()].concat();
    let provide = clipboard(-5, &[0x10, 0, 0, 1, 7]);
    for (message, touches) in [
        (key_event(0x61, true).to_vec(), true),
        (extended_key, true),
        (pointer_event(pointer).to_vec(), true),
        (clipboard(3, b"abc"), true),
        (provide, true),
        (resize(800, 600), false),
    ] {
        let heard = viewer().push(&message, DRIVES).expect("it may be said");
        assert_eq!((&heard.forward, heard.touched), (&message, touches));
        let heard = viewer().push(&message, LOOKS).expect("it may be said");
        assert_eq!(heard, Heard::default(), "{message:?}");
    }
    for message in [update_request(true, SCREEN).to_vec(), [&[248, 0, 0, 0][..], &[0; 5]].concat()]
    {
        let heard = viewer().push(&message, LOOKS).expect("it may be said");
        assert_eq!(heard.forward, message, "looking takes a question");
    }
    // Of the extended clipboard, one who may copy fetches without driving.
    let copies = Rights { drives: false, copies: true };
    let request = clipboard(-4, &[2, 0, 0, 1]);
    assert_eq!(viewer().push(&request, copies).expect("said").forward, request);
    let notify = clipboard(-4, &[8, 0, 0, 1]);
    assert_eq!(viewer().push(&notify, copies).expect("said").forward, NOTHING);
}

#[test]
fn encodings_that_cannot_be_read_are_not_asked_for() {
    let named = [7, 5, 16, 21, -260, 50, 0x574d_5664, -239, -26, -1_063_131_698, -316];
    let mut heard = viewer().push(&set_encodings(&named), DRIVES).expect("a list");
    assert_eq!(heard.forward, set_encodings(&[7, 16, -239, -26, -1_063_131_698]));
    heard = viewer().push(&set_encodings(&named), LOOKS).expect("a list");
    assert_eq!(heard.forward, set_encodings(&[7, 16, -239, -26]), "no clipboard for lookers-on");
}

#[test]
fn nothing_stays_pressed_behind_somebody_who_drives_no_more() {
    let mut stream = viewer();
    stream.push(&key_event(0xffe3, true), DRIVES).expect("a key");
    stream.push(&key_event(0x61, true), DRIVES).expect("a key");
    stream.push(&key_event(0x61, false), DRIVES).expect("a key");
    let held = Pointer { x: 4, y: 5, buttons: 1 };
    stream.push(&pointer_event(held), DRIVES).expect("a button");
    let released = Pointer { buttons: 0, ..held };
    assert_eq!(
        stream.release(),
        [&key_event(0xffe3, false)[..], &pointer_event(released)].concat()
    );
    assert_eq!(stream.release(), NOTHING, "once");
}

#[test]
fn a_viewer_that_keeps_no_rule_is_turned_away() {
    let format = |bits: u8, true_colour: u8| {
        let pixels = [bits, 24, 0, true_colour, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
        [&[0, 0, 0, 0][..], &pixels].concat()
    };
    let updates = update_request(true, SCREEN).to_vec();
    for (what, messages) in [
        ("a colour map", vec![format(32, 0)]),
        ("an odd depth", vec![format(12, 1)]),
        (
            "other lengths in the middle",
            vec![
                updates.clone(),
                format(32, 1),
                [&[0; 4][..], &[8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 5, 2, 0, 0, 0, 0]].concat(),
            ],
        ),
        ("a list without end", vec![vec![2, 0, 0xff, 0xff]]),
        ("a wall of screens", vec![vec![251, 0, 1, 1, 1, 1, 200, 0]]),
        ("sound", vec![vec![255, 1, 0, 0]]),
        ("an unknown message", vec![vec![77]]),
    ] {
        let mut stream = viewer();
        let said: Result<Vec<Heard>, RfbError> =
            messages.iter().map(|message| stream.push(message, DRIVES)).collect();
        assert!(said.is_err(), "{what}");
    }
    for greeting in [&b"RFB 003.003\n"[..], b"GET / HTTP/1.1\r\n", b"RFB 003.008\n\x02"] {
        let mut stream = ViewerStream::new(Vec::new(), self::format());
        assert!(stream.push(greeting, DRIVES).is_err(), "{greeting:?}");
    }
}

#[test]
fn a_clipboard_that_is_too_long_is_left_out_and_what_follows_is_not() {
    let mut stream = viewer();
    let length = 50_000_000;
    let head = clipboard(length, &[]);
    assert_eq!(stream.push(&head, DRIVES).expect("it may be said").forward, NOTHING);
    let piece = vec![7; 1_000_000];
    for _ in 0..50 {
        assert_eq!(stream.push(&piece, DRIVES).expect("it may be said").forward, NOTHING);
    }
    let key = key_event(0x61, true);
    assert_eq!(stream.push(&key, DRIVES).expect("a key").forward, key);
}

/// Somebody's messages, right and wrong ones.
fn said() -> impl Strategy<Value = Vec<u8>> {
    let message =
        prop_oneof![
            Just(key_event(0x61, true).to_vec()),
            Just(key_event(0xffe3, false).to_vec()),
            (0_u16..80, 0_u16..80, any::<u8>())
                .prop_map(|(x, y, buttons)| pointer_event(Pointer { x, y, buttons }).to_vec()),
            Just(update_request(false, SCREEN).to_vec()),
            proptest::collection::vec(any::<u8>(), 0..20)
                .prop_map(|text| clipboard(i32::try_from(text.len()).expect("short"), &text)),
            proptest::collection::vec(any::<u8>(), 4..20)
                .prop_map(|text| clipboard(-i32::try_from(text.len()).expect("short"), &text)),
            proptest::collection::vec(any::<i32>(), 0..9).prop_map(|named| set_encodings(&named)),
            Just(resize(640, 480)),
            Just([&[248, 0, 0, 0, 0, 0, 0, 0, 2][..], &[1, 2]].concat()),
        ];
    proptest::collection::vec(message, 0..30).prop_map(|messages| messages.concat())
}

fn cut<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    for length in lengths {
        let (piece, behind) = rest.split_at((*length).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

fn listen(pieces: &[&[u8]], rights: Rights) -> Result<Vec<u8>, RfbError> {
    let mut stream = viewer();
    let mut forward = Vec::new();
    for piece in pieces {
        forward.extend(stream.push(piece, rights)?.forward);
    }
    Ok(forward)
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0_usize..700, 0..60)
}

proptest! {
    #[test]
    fn a_server_is_read_the_same_however_it_is_cut(lengths in lengths()) {
        let bytes = [everything(), cut_text(b"copied")].concat();
        prop_assert_eq!(read(&cut(&bytes, &lengths)), read(&[&bytes]));
    }

    #[test]
    fn a_viewer_is_read_the_same_however_they_are_cut(said in said(), lengths in lengths()) {
        prop_assert_eq!(listen(&cut(&said, &lengths), DRIVES), listen(&[&said], DRIVES));
    }

    #[test]
    fn what_a_looker_on_says_touches_nothing(said in said()) {
        let passed = listen(&[&said], LOOKS).expect("all of it may be said");
        // Of what passed, nothing is lost where nothing may touch.
        prop_assert_eq!(listen(&[&passed], LOOKS), Ok(passed.clone()));
        let mut again = viewer();
        prop_assert!(!again.push(&passed, DRIVES).expect("it was said before").touched);
    }

    #[test]
    fn nonsense_of_a_server_breaks_nothing_and_fills_nothing(
        begin in 0_usize..3, nonsense in proptest::collection::vec(any::<u8>(), 0..4000)
    ) {
        let begins = [Vec::new(), update(0xffff, &[]), update(9, &[rect(0, 0, 8, 8, 7, &[])])];
        let (mut stream, mut seen) = (server(), Seen::default());
        let bytes = [begins[begin].as_slice(), &nonsense].concat();
        for piece in bytes.chunks(97) {
            if stream.push(piece, &mut seen).is_err() {
                break;
            }
            prop_assert!(stream.held() <= LONGEST_HEAD);
        }
        prop_assert!(seen.screen.len() + seen.clipboard.len() <= bytes.len(), "nothing is made up");
    }

    #[test]
    fn nonsense_of_a_viewer_breaks_nothing_and_fills_nothing(
        nonsense in proptest::collection::vec(any::<u8>(), 0..4000)
    ) {
        let mut fresh = ViewerStream::new(b"init".to_vec(), format());
        let mut greeted = viewer();
        for piece in nonsense.chunks(97) {
            let (one, other) = (fresh.push(piece, DRIVES), greeted.push(piece, DRIVES));
            let said = one.iter().chain(&other).map(|heard| heard.forward.len()).sum::<usize>();
            prop_assert!(said <= 2 * nonsense.len());
            if other.is_err() {
                break;
            }
        }
    }
}
