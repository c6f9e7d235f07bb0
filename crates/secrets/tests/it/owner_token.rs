use crate::{mode, names, set_mode};
use pilot_secrets::owner_token::FILE_NAME;
use pilot_secrets::{SecretsError, owner_token};
use std::sync::Barrier;

#[test]
fn it_is_made_once_and_read_from_then_on() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path().join("data/pilothouse");
    let first = owner_token(&directory).expect("made");
    assert!(first.created && !first.tightened);
    assert_eq!(first.token.expose().len(), 64);
    assert_eq!((mode(&directory), mode(&directory.join(FILE_NAME))), (0o700, 0o600));
    let second = owner_token(&directory).expect("read");
    assert!(!second.created && !second.tightened);
    assert_eq!(second.token, first.token);
    assert_eq!(names(&directory), [FILE_NAME], "nothing is left lying around");
}

#[test]
fn no_two_hubs_have_the_same() {
    let (a, b) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("another"));
    let (a, b) = (owner_token(a.path()).expect("made"), owner_token(b.path()).expect("made"));
    assert_ne!(a.token, b.token);
}

#[test]
fn a_file_that_others_can_read_is_tightened_and_that_is_told() {
    let root = tempfile::tempdir().expect("a directory");
    let token = owner_token(root.path()).expect("made").token;
    for (file, directory) in [(0o644, 0o700), (0o600, 0o755), (0o640, 0o711)] {
        set_mode(&root.path().join(FILE_NAME), file);
        set_mode(root.path(), directory);
        let read = owner_token(root.path()).expect("read");
        assert!(read.tightened, "{file:o} in {directory:o} was open to others");
        assert_eq!(read.token, token);
        assert_eq!((mode(root.path()), mode(&root.path().join(FILE_NAME))), (0o700, 0o600));
        assert!(!owner_token(root.path()).expect("read").tightened, "told once");
    }
}

#[test]
fn many_that_make_it_at_the_same_time_agree() {
    let root = tempfile::tempdir().expect("a directory");
    let barrier = Barrier::new(8);
    let tokens: Vec<_> = std::thread::scope(|scope| {
        let make = || {
            barrier.wait();
            owner_token(root.path()).expect("made or read")
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(tokens.iter().all(|made| made.token == tokens[0].token), "one token for all");
    assert_eq!(tokens.iter().filter(|made| made.created).count(), 1, "one of them made it");
    assert_eq!(names(root.path()), [FILE_NAME], "the losers' files are gone");
}

#[test]
fn what_is_no_token_is_refused_and_not_shown() {
    for contents in ["", "\n", "hunter2hunter2", &"x".repeat(64)] {
        let root = tempfile::tempdir().expect("a directory");
        std::fs::write(root.path().join(FILE_NAME), contents).expect("written");
        let error = owner_token(root.path()).expect_err("no token");
        assert!(matches!(error, SecretsError::Damaged { .. }), "{error:?}");
        let shown = format!("{error} {error:?} {:?}", error.problem());
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(error.problem().hint.contains(FILE_NAME), "the hint names the file");
    }
}

#[test]
fn a_symbolic_link_is_not_followed() {
    let root = tempfile::tempdir().expect("a directory");
    let elsewhere = root.path().join("elsewhere");
    std::fs::write(&elsewhere, "a".repeat(64)).expect("written");
    let data = root.path().join("data");
    std::fs::create_dir(&data).expect("made");
    std::os::unix::fs::symlink(&elsewhere, data.join(FILE_NAME)).expect("linked");
    let error = owner_token(&data).expect_err("somebody else may have put it there");
    assert!(matches!(error, SecretsError::Read { .. }), "{error:?}");
}
