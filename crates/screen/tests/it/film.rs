//! Films of recordings: a real Xvnc's, and such as somebody else wrote.

use crate::decoder::{farthest, init, update};
use crate::desktop::{Desktop, PATIENCE, SIZE, bright, bytes, until};
use pilot_screen::recording::camera::film;
use pilot_screen::recording::film::{FilmError, Frames, Survey, survey};
use pilot_screen::recording::{Block, Head, Reader, Writer};
use pilot_screen::rfb::Size;
use pilot_screen::rfb::greeting::{as_server, greet};
use tokio::net::UnixStream;
use tokio::sync::{broadcast, oneshot};
use tokio::time::{Instant, sleep, timeout};

const SMALL: Size = Size { width: 3, height: 2 };

fn written(blocks: &[(u32, Block)]) -> Vec<u8> {
    let mut file = Vec::new();
    let head = Head { pilothouse_screen: 1, began: 5, who: None };
    let mut writer = Writer::begin(&mut file, &head).expect("memory takes everything");
    for (millis, block) in blocks {
        writer.write(*millis, block).expect("memory takes everything");
    }
    file
}

fn reader(file: &[u8]) -> Reader<&[u8]> {
    Reader::open(file).expect("it is a recording")
}

/// A stream whose whole screen has this brightness.
fn grey(size: Size, value: u8) -> Vec<u8> {
    [as_server(&init(size)), raw(size, value)].concat()
}

fn raw(size: Size, value: u8) -> Vec<u8> {
    update(size, 0, &vec![value; size.pixels() * 4])
}

/// When each picture was seen, how large it was and its first pixel; and how it
/// ended.
async fn seen(file: &[u8]) -> (Vec<(u32, Size, u8)>, Result<bool, FilmError>) {
    let (mut frames, mut seen) = (Frames::of(reader(file)), Vec::new());
    loop {
        match frames.next().await {
            Ok(Some(frame)) => {
                let [red, _, _] = frame.picture.colour(0, 0).expect("it has a pixel");
                seen.push((frame.millis, frame.picture.size(), red));
            }
            Ok(None) => return (seen, Ok(frames.is_whole())),
            Err(error) => return (seen, Err(error)),
        }
    }
}

#[tokio::test]
async fn a_film_has_each_picture_at_its_time_and_stands_still_at_the_end() {
    let larger = Size { width: 5, height: 2 };
    let file = written(&[
        (0, Block::Stream),
        (10, Block::Bytes(grey(SMALL, 10))),
        // Too quick for a film; what comes behind is seen.
        (20, Block::Bytes(raw(SMALL, 20))),
        (50, Block::Bytes(raw(SMALL, 50))),
        // A new stream shows nothing yet, and then a larger screen.
        (3000, Block::Stream),
        (28_800_000, Block::Bytes(grey(larger, 90))),
        (28_800_500, Block::End),
    ]);
    let (pictures, end) = seen(&file).await;
    let expected =
        [(10, SMALL, 10), (50, SMALL, 50), (28_800_000, larger, 90), (28_800_500, larger, 90)];
    assert_eq!(pictures, expected);
    assert!(end.expect("it can be read"), "it is whole");
    let size = Size { width: 6, height: 2 };
    let surveyed = survey(reader(&file)).expect("it can be read");
    assert_eq!(surveyed, Survey { millis: 28_800_500, size }, "even, as films are");
}

#[tokio::test]
async fn a_film_of_a_damaged_recording_goes_as_far_as_it_can_be_read() {
    let good = [(0, Block::Stream), (10, Block::Bytes(grey(SMALL, 10)))];
    let cut = written(&good);
    let (pictures, end) = seen(&cut).await;
    assert_eq!((pictures, end.expect("it is only short")), (vec![(10, SMALL, 10)], false));

    let back = [cut.as_slice(), &[1, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    let (pictures, end) = seen(&back).await;
    assert_eq!(pictures, [(10, SMALL, 10)]);
    assert!(matches!(end, Err(FilmError::Read(_))), "time goes back: {end:?}");
    assert_eq!(survey(reader(&back)).expect("something can be read").millis, 10);

    let nonsense = written(&[good.as_slice(), &[(99, Block::Bytes(vec![77; 30]))]].concat());
    let (pictures, end) = seen(&nonsense).await;
    assert_eq!(pictures, [(10, SMALL, 10)]);
    assert!(matches!(end, Err(FilmError::Decode(_))), "{end:?}");

    let empty = written(&[(0, Block::End)]);
    assert!(matches!(survey(reader(&empty)), Err(FilmError::Empty)));
    assert!(seen(&empty).await.0.is_empty());
}

#[tokio::test]
async fn a_ring_is_where_the_pointer_was_and_nothing_is_cut_into() {
    let file = written(&[
        (0, Block::Stream),
        (10, Block::Bytes(grey(Size { width: 40, height: 30 }, 10))),
        (90, Block::Pointer(20, 15, 1)),
        (190, Block::Pointer(0, 0, 0)),
    ]);
    let mut frames = Frames::of(reader(&file));
    let ground = Size { width: 44, height: 20 };
    let mut middles = Vec::new();
    while let Some(frame) = frames.next().await.expect("it can be read") {
        let pixels = frame.on(ground);
        assert_eq!(pixels.len(), ground.pixels() * 4);
        assert_eq!(pixels[43 * 4], 0, "beside the screen it is black");
        middles.push((pixels[(15 * 44 + 20) * 4] != 10, pixels[7 * 4] != 10));
    }
    assert_eq!(middles, [(false, false), (true, false), (false, true)]);
}

#[tokio::test]
async fn a_film_of_a_real_screen_ends_with_what_was_there() {
    let mut desktop = Desktop::start(SIZE).await;
    let (_notes, mut heard) = broadcast::channel(9);
    let (stop, mut stopped) = oneshot::channel();
    let mut file = Vec::new();
    let head = Head { pilothouse_screen: 1, began: 5, who: None };
    let mut writer = Writer::begin(&mut file, &head).expect("memory takes everything");
    let mut camera = UnixStream::connect(desktop.socket()).await.expect("it listens");
    let greeted = greet(&mut camera).await.expect("it greets");
    desktop.run("xterm", &["-bg", "white", "-geometry", "60x10+40+50", "-e", "seq 50; cat"]);
    let act = async {
        let mut hands = desktop.hands().await;
        until(&mut hands, "the window is there", |picture| bright(picture) > 5000).await;
        // Three seconds after nothing moves any more, the server has sent the rest.
        let settled = async {
            loop {
                let before = desktop.dump();
                sleep(std::time::Duration::from_secs(3)).await;
                if before == desktop.dump() {
                    return before;
                }
            }
        };
        let there = timeout(PATIENCE, settled).await.expect("it comes to rest");
        stop.send(()).expect("the camera rolls");
        there
    };
    let began = Instant::now();
    let (cut, there) =
        tokio::join!(film((camera, greeted), &mut writer, began, &mut heard, &mut stopped), act);
    cut.expect("it was filmed");
    writer.write(60_000, &Block::End).expect("memory takes everything");
    let mut frames = Frames::of(reader(&file));
    let (mut last, mut times) = (Vec::new(), Vec::new());
    while let Some(frame) = frames.next().await.expect("it can be read") {
        times.push(frame.millis);
        last = bytes(frame.picture);
    }
    assert!(times.len() > 2 && times.is_sorted() && times.last() == Some(&60_000), "{times:?}");
    assert!(farthest(&last, &there) <= 60, "another picture: {}", farthest(&last, &there));
}
