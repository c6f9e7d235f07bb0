//! Recordings: written, cut off, and written by somebody else.

use pilot_screen::recording::{Block, Head, LARGEST, ReadError, Reader, Writer, Written};
use proptest::prelude::*;

fn head() -> Head {
    Head { pilothouse_screen: 1, began: 1_700_000_000_000_000, who: Some("ann".into()) }
}

fn written(blocks: &[(u32, Block)]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::begin(&mut file, &head()).expect("memory takes everything");
    for (millis, block) in blocks {
        writer.write(*millis, block).expect("memory takes everything");
    }
    file
}

fn read(file: &[u8]) -> Result<(Vec<(u32, Block)>, bool), ReadError> {
    let mut reader = Reader::open(file)?;
    let mut blocks = Vec::new();
    while let Some(block) = reader.next()? {
        blocks.push(block);
    }
    Ok((blocks, reader.is_whole()))
}

fn some() -> Vec<(u32, Block)> {
    vec![
        (0, Block::Stream),
        (3, Block::Bytes(b"RFB 003.008\n".to_vec())),
        (9, Block::Pointer(10, 20, 1)),
        (9, Block::Mark("click 10,20".into())),
        (70_000, Block::End),
    ]
}

#[test]
fn a_recording_is_read_as_it_was_written() {
    let file = written(&some());
    assert!(file.starts_with(br#"{"pilothouse_screen":1,"began":1700000000000000,"who":"ann"}"#));
    let (blocks, whole) = read(&file).expect("it is one");
    assert_eq!((blocks, whole), (some(), true));
}

#[test]
fn times_never_fall_and_long_words_are_cut_at_a_letter() {
    let file = written(&[
        (9, Block::Stream),
        (3, Block::Mark("ü".repeat(2000))),
        (10, Block::Bytes(vec![7; 3_000_000])),
    ]);
    let (blocks, whole) = read(&file).expect("it is one");
    assert!(!whole && blocks.len() == 5, "three pieces of the bytes: {}", blocks.len());
    assert!(
        matches!(&blocks[1], (9, Block::Mark(text)) if text.chars().all(|letter| letter == 'ü'))
    );
}

#[test]
fn a_recording_ends_where_it_is_full() {
    let mut file = Vec::new();
    let mut writer = Writer::begin(&mut file, &head()).expect("memory takes everything");
    let piece = Block::Bytes(vec![0; 1_000_000]);
    let mut full = false;
    for millis in 0..80 {
        full |= writer.write(millis, &piece).expect("memory takes everything") == Written::Full;
    }
    assert!(full);
    assert_eq!(writer.write(99, &Block::End).expect("there is room for it"), Written::Kept);
    assert!(file.len() as u64 <= LARGEST);
    assert!(read(&file).expect("it is one").1);
}

#[test]
fn what_is_no_recording_is_refused() {
    let line = r#"{"pilothouse_screen":1,"began":0,"who":null}"#;
    let huge = [line.as_bytes(), b"\n", &[2, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]].concat();
    let back =
        [line.as_bytes(), b"\n", &[1, 0, 0, 0, 9, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0]].concat();
    let pointer = [line.as_bytes(), b"\n", &[3, 0, 0, 0, 9, 0, 0, 0, 1, 0]].concat();
    let newer = line.replace('1', "2") + "\n";
    let endless = vec![b' '; 100_000];
    for file in [&b""[..], line.as_bytes(), newer.as_bytes(), &endless, &huge, &back, &pointer] {
        assert!(read(file).is_err(), "{:?}", String::from_utf8_lossy(&file[..file.len().min(80)]));
    }
    let unknown =
        [line.as_bytes(), b"\n", &[99, 0, 0, 0, 0, 0, 0, 0, 1, 7, 5, 0, 0, 0, 0, 0, 0, 0, 0]]
            .concat();
    assert_eq!(
        read(&unknown).expect("it is one").0,
        [(0, Block::End)],
        "newer blocks are left out"
    );
}

proptest! {
    #[test]
    fn a_recording_that_was_cut_off_is_a_shorter_one(length in 0_usize..400) {
        let file = written(&some());
        let cut = &file[..length.min(file.len())];
        if let Ok((blocks, whole)) = read(cut) {
            prop_assert_eq!(&blocks[..], &some()[..blocks.len()]);
            prop_assert_eq!(whole, blocks.len() == some().len());
        } else {
            prop_assert!(!cut.contains(&b'\n'), "only without its first line it is none");
        }
    }

    #[test]
    fn nonsense_in_a_recording_breaks_nothing(
        nonsense in proptest::collection::vec(any::<u8>(), 0..3000)
    ) {
        let file = [written(&[]).as_slice(), &nonsense].concat();
        drop(read(&file));
        drop(read(&nonsense));
    }
}
