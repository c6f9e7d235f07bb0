//! Films of recordings that anybody may have written, made by a real ffmpeg.

use crate::house::{House, eventually};
use crate::runner::FakeRunner;
use pilot_proto::console::{FILM_PATH, FilmDrop, FilmMake, FilmShow};
use pilot_proto::film::{Film, FilmOf, FilmState};
use pilot_proto::screen::RECORDING_TYPE;
use pilot_proto::{BlobId, Code, Event, TaskId};
use pilot_screen::recording::{Block, Head, Writer};
use pilot_screen::rfb::greeting::{RED_FIRST, as_server};

const WIDTH: u16 = 64;
const HEIGHT: u16 = 48;

/// A recording of some seconds whose screen becomes brighter.
fn recording(seconds: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let head = Head { pilothouse_screen: 1, began: 5, who: None };
    let mut writer = Writer::begin(&mut file, &head).expect("memory takes everything");
    let mut write = |at, block| writer.write(at, &block).map(drop).expect("memory takes it");
    let size = [WIDTH.to_be_bytes(), HEIGHT.to_be_bytes()].concat();
    write(0, Block::Stream);
    write(0, Block::Bytes(as_server(&[&size[..], &RED_FIRST, &[0; 4]].concat())));
    for second in 0..seconds {
        let grey = vec![u8::try_from(second % 200).expect("small"); 64 * 48 * 4];
        let update = [&[0, 0, 0, 1, 0, 0, 0, 0][..], &size, &[0; 4], &grey].concat();
        write(second * 1000, Block::Bytes(update));
    }
    write(seconds * 1000, Block::End);
    file
}

/// A run that has left these files.
async fn left(house: &House, files: &[(&str, &[u8])]) -> (TaskId, Vec<BlobId>) {
    house.project().await;
    let mut runner = FakeRunner::connected(house, 1).await;
    let task = house.file("look").await.id;
    let run = runner.take().await.run;
    runner.begin(run).await;
    let (mut events, mut blobs) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let blob = runner.store(bytes).await;
        blobs.push(blob.clone());
        let (name, media_type) = ((*name).to_owned(), RECORDING_TYPE.to_owned());
        events.push(Event::Artifact { name, media_type, blob, size: bytes.len() as u64 });
    }
    let end = runner.write(run, events).await;
    runner.acked(run, end).await;
    (task, blobs)
}

async fn over(house: &House, of: &FilmOf) -> Film {
    house.call::<FilmMake>(of.clone()).await;
    eventually("the film is over", || async {
        let film = house.call::<FilmShow>(of.clone()).await;
        let over = matches!(film.state, FilmState::Ready | FilmState::Failed);
        if over { Ok(film) } else { Err(format!("{film:?}")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_is_made_once_and_goes_as_far_as_its_recording_can_be_read() {
    let house = House::new().await;
    let whole = recording(5);
    let cut = &whole[..whole.len() - 10];
    let damaged = [&whole[..whole.len() - 9], &[2, 0, 0, 0x13, 0x88, 0, 0, 0, 1, 99]].concat();
    let files = [
        ("screen-1.rfbs", &whole[..]),
        ("screen-2.rfbs", cut),
        ("screen-3.rfbs", &damaged),
        ("screen-4.rfbs", b"nothing of the kind"),
        ("notes.txt", b"words"),
    ];
    let (task, blobs) = left(&house, &files).await;
    let of = |at: usize| FilmOf { task, blob: blobs[at].clone(), skip_still: None };

    let unmade = house.refused::<FilmShow>(of(0)).await;
    assert_eq!(unmade.code, Code::NotFound);
    let film = over(&house, &of(0)).await;
    assert_eq!((film.state, film.of_millis, &film.note), (FilmState::Ready, 5000, &None));
    let path = FILM_PATH.replace("{task}", &task.to_string());
    let path = path.replace("{blob}", blobs[0].as_str());
    let mut bytes = Vec::new();
    house.client.fetch(&path, &mut bytes).await.expect("it is there");
    assert_eq!(Some(bytes.len() as u64), film.size);
    assert!(bytes.windows(4).any(|four| four == b"webm"), "it is WebM");

    for (at, said) in [(1, "was cut off"), (2, "is damaged after 0:04")] {
        let film = over(&house, &of(at)).await;
        let note = film.note.unwrap_or_default();
        assert!(film.state == FilmState::Ready && note.contains(said), "{said}: {note}");
    }
    let film = over(&house, &of(3)).await;
    let note = film.note.unwrap_or_default();
    assert!(film.state == FilmState::Failed && note.contains("no recording"), "{note}");
    assert_eq!(house.refused::<FilmMake>(of(4)).await.code, Code::Invalid);
    let stranger = FilmOf { blob: pilot_git::blob_id(b"another's"), ..of(0) };
    assert_eq!(house.refused::<FilmMake>(stranger).await.code, Code::NotFound);

    house.call::<FilmDrop>(of(0)).await;
    assert_eq!(house.refused::<FilmShow>(of(0)).await.code, Code::NotFound);
    assert!(house.client.fetch(&path, &mut Vec::new()).await.is_err(), "it is forgotten");
    // One that is stopped while it is made takes its encoder along.
    house.call::<FilmMake>(of(0)).await;
    house.call::<FilmDrop>(of(0)).await;
    assert_eq!(over(&house, &of(0)).await.state, FilmState::Ready, "and can be made again");
    house.hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_without_the_encoder_says_what_to_install() {
    let house = House::with(|options| options.programs = "/nowhere".to_owned()).await;
    let file = recording(1);
    let (task, blobs) = left(&house, &[("screen-1.rfbs", &file[..])]).await;
    let film = over(&house, &FilmOf { task, blob: blobs[0].clone(), skip_still: None }).await;
    let note = film.note.unwrap_or_default();
    assert!(film.state == FilmState::Failed && note.contains("apt-get install ffmpeg"), "{note}");
    house.hub.stop().await;
}
