//! Whatever a fuzzer ever found worth keeping still breaks nothing:
//! `fuzz/corpus`. `scripts/fuzz` looks for more.

use std::path::Path;

#[path = "../../../../fuzz/src/screen.rs"]
#[expect(unreachable_pub, reason = "a crate of its own, for the fuzzer")]
mod screen;

/// What the properties run on.
fn runtime() -> tokio::runtime::Runtime {
    let built = tokio::runtime::Builder::new_current_thread().enable_time().build();
    built.expect("a timer and no more")
}

#[track_caller]
fn holds(target: &str, property: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = corpus.read_dir().expect("the corpus is part of the source");
    let mut count = 0;
    for file in files {
        let file = file.expect("it is read").path();
        let input = std::fs::read(&file).expect("it is read");
        if std::panic::catch_unwind(|| property(&input)).is_err() {
            panic!("`{}` breaks it", file.display());
        }
        count += 1;
    }
    assert!(count > 10, "`{}` has {count} inputs", corpus.display());
}

#[test]
fn every_greeting_that_was_worth_keeping_is_read() {
    holds("greeting", screen::greeting);
}

#[test]
fn every_server_that_was_worth_keeping_is_heard() {
    holds("server", screen::server);
}

#[test]
fn every_server_that_was_worth_keeping_is_decoded() {
    holds("decoder", screen::decoder);
}

#[test]
fn every_server_that_was_worth_keeping_is_shown_to_a_page() {
    holds("viewing", screen::viewing);
}

#[test]
fn every_viewer_that_was_worth_keeping_is_heard() {
    holds("viewer", screen::viewer);
}

#[test]
fn every_recording_that_was_worth_keeping_is_read() {
    holds("recording", screen::recording);
}
